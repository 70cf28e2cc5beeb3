const fs = require("node:fs");
const path = require("node:path");
const { input, pack, send } = require("../tar.js");

const folder = path.resolve(process.env.GITHUB_WORKSPACE, input("path"));
if (!fs.existsSync(folder)) {
  console.log("nothing to save");
  process.exit(0);
}
const query = new URLSearchParams({ key: input("key") });
send(`${process.env.GITHUB_SERVER_URL}/_cache?${query}`, input("token"), pack(folder, ["."]));
