const { execFileSync } = require("node:child_process");
const path = require("node:path");
const { input } = require("./tar.js");

const folder = path.join(process.env.GITHUB_WORKSPACE, input("path") || ".");
const url = `${process.env.GITHUB_SERVER_URL}/${process.env.GITHUB_REPOSITORY}.git`;
const header = `Authorization: Basic ${Buffer.from(`x-access-token:${input("token")}`).toString("base64")}`;
const git = (...args) => execFileSync("git", ["-C", folder, ...args], { stdio: "inherit" });

require("node:fs").mkdirSync(folder, { recursive: true });
git("init", "--quiet", "--initial-branch=main");
git("remote", "add", "origin", url);
const ref = input("ref");
const wanted = ref || process.env.FORGE_SHA;
const depth = Number(input("fetch-depth"));
git("-c", `http.extraheader=${header}`, "fetch", "--quiet", "--no-tags", ...(depth ? [`--depth=${depth}`] : []), "origin", wanted);
const branch = process.env.FORGE_REF.replace("refs/heads/", "");
if (!ref && process.env.FORGE_REF.startsWith("refs/heads/")) git("checkout", "--quiet", "-B", branch, "FETCH_HEAD");
else git("checkout", "--quiet", "--detach", "FETCH_HEAD");
if (input("persist-credentials") === "true") git("config", "http.extraheader", header);
