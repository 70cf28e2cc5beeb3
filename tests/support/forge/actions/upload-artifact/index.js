const fs = require("node:fs");
const path = require("node:path");
const { input, pack, send } = require("./tar.js");

const folder = path.resolve(process.env.GITHUB_WORKSPACE, input("path"));
if (!fs.existsSync(folder)) {
  console.log(`no files at ${folder}`);
  process.exit(input("if-no-files-found") === "error" ? 1 : 0);
}
const url = `${process.env.GITHUB_SERVER_URL}/_artifact/${process.env.GITHUB_RUN_ID}/${encodeURIComponent(input("name"))}`;
send(url, input("token"), pack(folder, ["."]));
