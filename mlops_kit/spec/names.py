"""Names of the project files."""

LIFECYCLE = "mlops.yaml"
PARAMS = "params.yaml"
KPIS = "kpis.yaml"
SCHEMA = "schema.yaml"
LABELLING = "labels/labels.yaml"
PROVENANCE = ".mlops/provenance.yaml"
