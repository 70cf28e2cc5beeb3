"""Which calls read and write files, and in which argument the path stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Touch(StrEnum):
    """What a call does to a path."""

    READ = "read"
    LIST = "list"
    """Looks into a folder."""
    WRITE = "write"
    APPEND = "append"
    """Changes a file that may be there already."""
    REMOVE = "remove"
    FILL = "fill"
    """Writes files of unknown names into a folder."""


@dataclass(frozen=True)
class Access:
    """A call that touches a file."""

    touch: Touch
    position: int = 0
    """Index of the path among the positional arguments; -1: the object itself."""
    keywords: tuple[str, ...] = ()
    """Names under which the path can be given."""
    ending: str = ""
    """Extension that the call adds to a path without one."""
    sure: bool = True
    """Whether the call is surely about files; if not, only a path with an extension counts."""


_R, _W, _L, _F = Touch.READ, Touch.WRITE, Touch.LIST, Touch.FILL
# Libraries in which every `read_...` function takes a path first.
READERS = frozenset(
    ("pandas", "polars", "geopandas", "dask", "modin", "cudf", "duckdb", "pyarrow", "awswrangler", "vaex", "imageio", "skimage", "pyreadr")
)  # fmt: skip
NOT_FILES = frozenset(
    (
        "read_sql",
        "read_sql_query",
        "read_sql_table",
        "read_clipboard",
        "read_gbq",
        "read_database",
        "read_html",
    )
)
READ_KEYWORDS = (
    "filepath_or_buffer",
    "path_or_buf",
    "path",
    "io",
    "source",
    "file",
    "filename",
    "fname",
    "where",
    "filepath",
    "root",
)

FUNCTIONS: dict[str, tuple[Access, ...]] = {
    "numpy.load": (Access(_R, 0, ("file",)),),
    "numpy.loadtxt": (Access(_R, 0, ("fname",)),),
    "numpy.genfromtxt": (Access(_R, 0, ("fname",)),),
    "numpy.fromfile": (Access(_R, 0, ("file",)),),
    "numpy.memmap": (Access(_R, 0, ("filename",)),),
    "numpy.save": (Access(_W, 0, ("file",), ".npy"),),
    "numpy.savez": (Access(_W, 0, ("file",), ".npz"),),
    "numpy.savez_compressed": (Access(_W, 0, ("file",), ".npz"),),
    "numpy.savetxt": (Access(_W, 0, ("fname",)),),
    "joblib.load": (Access(_R, 0, ("filename",)),),
    "joblib.dump": (Access(_W, 1, ("filename",)),),
    "torch.load": (Access(_R, 0, ("f",)),),
    "torch.save": (Access(_W, 1, ("f",)),),
    "skops.io.load": (Access(_R, 0, ("file",)),),
    "skops.io.dump": (Access(_W, 1, ("file",)),),
    "safetensors.torch.save_file": (Access(_W, 1, ("filename",)),),
    "safetensors.torch.load_file": (Access(_R, 0, ("filename",)),),
    "onnx.save": (Access(_W, 1),),
    "onnx.load": (Access(_R, 0),),
    "onnxruntime.InferenceSession": (Access(_R, 0, ("path_or_bytes",)),),
    "lightgbm.Booster": (Access(_R, 9, ("model_file",)),),
    "cv2.imread": (Access(_R, 0),),
    "cv2.VideoCapture": (Access(_R, 0, sure=False),),
    "cv2.imwrite": (Access(_W, 0),),
    "PIL.Image.open": (Access(_R, 0),),
    "matplotlib.pyplot.imread": (Access(_R, 0),),
    "matplotlib.image.imread": (Access(_R, 0),),
    "matplotlib.pyplot.imsave": (Access(_W, 0),),
    "matplotlib.pyplot.savefig": (Access(_W, 0, ("fname",), ".png"),),
    "imageio.imwrite": (Access(_W, 0),),
    "scipy.io.loadmat": (Access(_R, 0),),
    "scipy.io.savemat": (Access(_W, 0),),
    "scipy.io.wavfile.read": (Access(_R, 0),),
    "scipy.sparse.load_npz": (Access(_R, 0),),
    "scipy.sparse.save_npz": (Access(_W, 0, (), ".npz"),),
    "sklearn.datasets.load_svmlight_file": (Access(_R, 0),),
    "sklearn.datasets.load_files": (Access(_L, 0),),
    "sklearn.tree.export_graphviz": (Access(_W, 1, ("out_file",)),),
    "sqlite3.connect": (Access(Touch.APPEND, 0, ("database",)),),
    "shutil.copy": (Access(_R, 0, ("src",)), Access(_W, 1, ("dst",))),
    "shutil.copy2": (Access(_R, 0, ("src",)), Access(_W, 1, ("dst",))),
    "shutil.copyfile": (Access(_R, 0, ("src",)), Access(_W, 1, ("dst",))),
    "shutil.move": (Access(Touch.APPEND, 0, ("src",)), Access(_W, 1, ("dst",))),
    "shutil.copytree": (Access(_L, 0, ("src",)), Access(_F, 1, ("dst",))),
    "shutil.unpack_archive": (Access(_R, 0, ("filename",)), Access(_F, 1, ("extract_dir",))),
    "urllib.request.urlretrieve": (Access(_W, 1, ("filename",)),),
    "wget.download": (Access(_W, 1, ("out",)),),
    "gdown.download": (Access(_W, 1, ("output",)),),
    "os.remove": (Access(Touch.REMOVE, 0, ("path",)),),
    "os.unlink": (Access(Touch.REMOVE, 0, ("path",)),),
    "shutil.rmtree": (Access(Touch.REMOVE, 0, ("path",)),),
    "os.listdir": (Access(_L, 0, ("path",)),),
    "os.scandir": (Access(_L, 0, ("path",)),),
    "os.walk": (Access(_L, 0, ("top",)),),
    "glob.glob": (Access(_L, 0, ("pathname",)),),
    "glob.iglob": (Access(_L, 0, ("pathname",)),),
    "xarray.open_dataset": (Access(_R, 0),),
    "pyarrow.parquet.write_table": (Access(_W, 1, ("where",)),),
    "pyarrow.feather.write_feather": (Access(_W, 1, ("dest",)),),
    "pyarrow.csv.write_csv": (Access(_W, 1, ("output_file",)),),
    "datasets.load_from_disk": (Access(_L, 0, ("dataset_path",)),),
    "torchvision.datasets.ImageFolder": (Access(_L, 0, ("root",)),),
    "torchvision.io.read_image": (Access(_R, 0),),
    "omegaconf.OmegaConf.load": (Access(_R, 0, ("file_",)),),
    "omegaconf.OmegaConf.save": (Access(_W, 1, ("f",)),),
    "toml.load": (Access(_R, 0, ("f",), sure=False),),
    "toml.dump": (Access(_W, 1, (), sure=False),),
    "spacy.load": (Access(_R, 0, sure=False),),
    "librosa.load": (Access(_R, 0),),
    "soundfile.read": (Access(_R, 0),),
    "nibabel.load": (Access(_R, 0),),
    "h5py.File": (Access(_R, 0),),
    "zipfile.ZipFile": (Access(_R, 0),),
    "tarfile.open": (Access(_R, 0, ("name",)),),
    "dotenv.load_dotenv": (),
}
# Functions that open a file: what they do depends on the mode, which is the second argument.
OPENERS = frozenset(
    ("open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "h5py.File", "zipfile.ZipFile", "tarfile.open", "os.fdopen")
)  # fmt: skip

# Methods, whatever the object is.
METHODS: dict[str, tuple[Access, ...]] = {
    "read_text": (Access(_R, -1),),
    "read_bytes": (Access(_R, -1),),
    "write_text": (Access(_W, -1),),
    "write_bytes": (Access(_W, -1),),
    "unlink": (Access(Touch.REMOVE, -1),),
    "iterdir": (Access(_L, -1),),
    "glob": (Access(_L, -1),),
    "rglob": (Access(_L, -1),),
    "to_csv": (Access(_W, 0, ("path_or_buf",)),),
    "to_parquet": (Access(_W, 0, ("path",)),),
    "to_pickle": (Access(_W, 0, ("path",)),),
    "to_json": (Access(_W, 0, ("path_or_buf",)),),
    "to_excel": (Access(_W, 0, ("excel_writer",)),),
    "to_feather": (Access(_W, 0, ("path",)),),
    "to_hdf": (Access(_W, 0, ("path_or_buf",)),),
    "to_html": (Access(_W, 0, ("buf",)),),
    "to_markdown": (Access(_W, 0, ("buf",)),),
    "to_stata": (Access(_W, 0, ("path",)),),
    "to_orc": (Access(_W, 0, ("path",)),),
    "to_file": (Access(_W, 0, ("filename",), sure=False),),
    "to_netcdf": (Access(_W, 0, ("path",)),),
    "write_csv": (Access(_W, 0, ("file",)),),
    "write_parquet": (Access(_W, 0, ("file",)),),
    "write_json": (Access(_W, 0, ("file",), sure=False),),
    "sink_parquet": (Access(_W, 0),),
    "savefig": (Access(_W, 0, ("fname",), ".png"),),
    "write_image": (Access(_W, 0, ("file",)),),
    "write_html": (Access(_W, 0, ("file",)),),
    "save_model": (Access(_W, 0, ("filename", "fname", "path")),),
    "save_weights": (Access(_W, 0, ("filepath",)),),
    "load_weights": (Access(_R, 0, ("filepath",)),),
    "load_model": (Access(_R, 0, ("filepath", "fname", "path"), sure=False),),
    "save_pretrained": (Access(_F, 0, ("save_directory",)),),
    "save_to_disk": (Access(_F, 0, ("dataset_path",)),),
    "extractall": (Access(_F, 0, ("path",)),),
    "extract": (Access(_F, 1, ("path",)),),
    "flow_from_directory": (Access(_L, 0, ("directory",)),),
    "image_dataset_from_directory": (Access(_L, 0, ("directory",)),),
    "to_disk": (Access(_F, 0, ("path",)),),
    "save": (Access(_W, 0, ("fp", "filepath", "path", "fname"), sure=False),),
    "export": (Access(_W, 0, ("path", "filename"), sure=False),),
    "tofile": (Access(_W, 0, ("fid",)),),
    "dump_svmlight_file": (Access(_W, 2, ("f",)),),
}
# Programs that are started: what they read and write is not seen.
STARTERS = frozenset(
    (
        "os.system",
        "os.popen",
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.Popen",
    )
)
SERVERS = frozenset(
    (
        "flask",
        "fastapi",
        "streamlit",
        "gradio",
        "dash",
        "uvicorn",
        "django",
        "bentoml",
        "aiohttp",
        "tornado",
        "chainlit",
    )
)


def accesses(name: str) -> tuple[Access, ...]:
    """Return what the call `name` touches: a dotted name such as `pandas.read_csv`, or `.method` of an unknown object."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    top, _, last = name.partition(".")[0], "", name.rpartition(".")[2]
    if top in READERS and last.startswith(("read_", "scan_", "imread", "open_")) and last not in NOT_FILES:
        return (Access(_R, 0, READ_KEYWORDS),)
    if not top and last.startswith("read_") and last not in METHODS:
        return ()
    return (
        METHODS.get(last, ())
        if not top or top in READERS or top[0].isupper() or last in _LIBRARY_METHODS
        else ()
    )


# Methods that libraries also offer as functions of modules: `tf.keras.models.load_model`.
_LIBRARY_METHODS = frozenset(
    ("load_model", "save_model", "save_weights", "image_dataset_from_directory", "dump_svmlight_file", "write_image", "write_html", "savefig")
)  # fmt: skip


def touch_of_mode(mode: str) -> Touch:
    """Return what opening with `mode` does."""
    if "w" in mode or "x" in mode:
        return Touch.WRITE
    return Touch.APPEND if "a" in mode or "+" in mode else Touch.READ
