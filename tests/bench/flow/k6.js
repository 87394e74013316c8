// Log in once; then a list, one of it, what belongs to it, a comment, the account, with a pause after each.
// Bodies are kept only where they are read, and addresses with ids have names, as the manual advises for large tests.
import http from "k6/http";
import { sleep } from "k6";

export const options = { discardResponseBodies: true };

const base = __ENV.BASE;
const least = Number(__ENV.LEAST);
const most = Number(__ENV.MOST);
const credentials = JSON.stringify({ email: "load@example.com", password: "correct horse battery" });
const comment = JSON.stringify({ text: "looks good to me" });

let authorization;

function think() {
  sleep(least + (most - least) * Math.random());
}

function params(name, more) {
  return Object.assign({ headers: { authorization }, tags: { name } }, more);
}

export default function () {
  if (!authorization) {
    const headers = { "content-type": "application/json" };
    const loggedIn = http.post(`${base}/login`, credentials, { headers, responseType: "text", tags: { name: "log in" } });
    authorization = `Bearer ${loggedIn.json("access_token")}`;
  }
  const list = http.get(`${base}/projects?limit=10`, params("list projects", { responseType: "text" }));
  const project = list.json("projects.0.id");
  think();
  http.get(`${base}/projects/${project}`, params("one project"));
  think();
  http.get(`${base}/projects/${project}/tasks`, params("its tasks"));
  think();
  const headers = { authorization, "content-type": "application/json" };
  http.post(`${base}/projects/${project}/comments`, comment, { headers, tags: { name: "comment" } });
  think();
  http.get(`${base}/me`, params("account"));
  think();
}
