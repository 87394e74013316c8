// A user's task list, from Redis or from PostgreSQL, and storing a task: what the reference service does on the same
// routes, with the same tokens, over the same tables. Settings come from the environment: PEER_DATABASE_URL,
// PEER_REDIS_URL (empty: no cache) and PEER_SECRET.
import { randomUUID } from "node:crypto";
import express from "express";
import Redis from "ioredis";
import jwt from "jsonwebtoken";
import pg from "pg";

const { PEER_DATABASE_URL, PEER_REDIS_URL, PEER_SECRET } = process.env;
const pool = new pg.Pool({ connectionString: PEER_DATABASE_URL, min: 10, max: 20 });
const redis = PEER_REDIS_URL ? new Redis(PEER_REDIS_URL) : null;
const app = express();
app.disable("x-powered-by");
app.use(express.json());

function user(request, response, next) {
  try {
    const token = (request.headers.authorization ?? "").replace(/^Bearer /i, "");
    const options = { algorithms: ["HS256"], issuer: "headroom", audience: "headroom-api" };
    request.user = jwt.verify(token, PEER_SECRET, options).sub;
    next();
  } catch {
    response.status(401).json({ title: "Not authenticated" });
  }
}

const LIST = {
  name: "list",
  text: `SELECT id, title, description, status, priority, due_at_us, created_at_us, updated_at_us
         FROM tasks WHERE user_id = $1 ORDER BY created_at_us DESC, id DESC LIMIT 21`,
};
const time = (us) => (us === null ? null : new Date(Number(us) / 1000).toISOString());
const task = (row) => ({
  id: row.id,
  title: row.title,
  description: row.description,
  status: row.status,
  priority: row.priority,
  dueAt: time(row.due_at_us),
  createdAt: time(row.created_at_us),
  updatedAt: time(row.updated_at_us),
});

app.get("/api/v1/tasks", user, async (request, response) => {
  const key = `peer:tasks:${request.user}`;
  const cached = redis && (await redis.get(key));
  if (cached) {
    return response.set("x-cache", "HIT").type("json").send(cached);
  }
  const { rows } = await pool.query({ ...LIST, values: [request.user] });
  const body = JSON.stringify({ tasks: rows.slice(0, 20).map(task), hasMore: rows.length > 20 });
  if (redis) {
    await redis.set(key, body, "EX", 300);
  }
  response.set("x-cache", redis ? "MISS" : "BYPASS").type("json").send(body);
});

app.post("/api/v1/tasks", user, async (request, response) => {
  const { title, description = null, priority = "medium" } = request.body ?? {};
  if (typeof title !== "string" || title.length < 1 || title.length > 200) {
    return response.status(422).json({ title: "Invalid fields", errors: [{ field: "title" }] });
  }
  const now = Date.now() * 1000;
  const { rows } = await pool.query({
    name: "insert",
    text: `INSERT INTO tasks (id, user_id, title, description, status, priority, due_at_us, created_at_us, updated_at_us)
           VALUES ($1, $2, $3, $4, 'todo', $5, NULL, $6, $6) RETURNING *`,
    values: [randomUUID(), request.user, title, description, priority, now],
  });
  if (redis) {
    await redis.del(`peer:tasks:${request.user}`);
  }
  response.status(201).location(`/api/v1/tasks/${rows[0].id}`).json(task(rows[0]));
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log(`listening http://127.0.0.1:${server.address().port}`);
});
