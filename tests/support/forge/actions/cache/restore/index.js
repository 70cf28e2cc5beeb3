const fs = require("node:fs");
const path = require("node:path");
const { input, receive, unpack } = require("../tar.js");

const folder = path.resolve(process.env.GITHUB_WORKSPACE, input("path"));
const query = new URLSearchParams({ key: input("key"), restore: input("restore-keys") });
receive(`${process.env.GITHUB_SERVER_URL}/_cache?${query}`, input("token")).then((found) => {
  console.log(found ? `restored ${found.key}` : "nothing to restore");
  fs.appendFileSync(process.env.GITHUB_OUTPUT, `cache-hit=${Boolean(found && found.key === input("key"))}\n`);
  if (!found) return;
  fs.mkdirSync(folder, { recursive: true });
  unpack(folder, found.content);
});
