const fs = require("node:fs");
const path = require("node:path");
const { input } = require("./tar.js");

const bin = path.join(process.env.RUNNER_TEMP || process.env.GITHUB_WORKSPACE, "uv-bin");
fs.mkdirSync(bin, { recursive: true });
fs.rmSync(path.join(bin, "uv"), { force: true });
fs.symlinkSync(process.env.FORGE_UV, path.join(bin, "uv"));
fs.appendFileSync(process.env.GITHUB_PATH, `${bin}\n`);
if (input("python-version")) fs.appendFileSync(process.env.GITHUB_ENV, `UV_PYTHON=${input("python-version")}\n`);
