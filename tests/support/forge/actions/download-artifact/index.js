const fs = require("node:fs");
const path = require("node:path");
const { input, receive, unpack } = require("./tar.js");

const folder = path.resolve(process.env.GITHUB_WORKSPACE, input("path"));
const url = `${process.env.GITHUB_SERVER_URL}/_artifact/${input("run-id")}/${encodeURIComponent(input("name"))}`;
receive(url, input("github-token")).then((found) => {
  if (!found) throw new Error(`no artifact ${input("name")}`);
  fs.mkdirSync(folder, { recursive: true });
  unpack(folder, found.content);
});
