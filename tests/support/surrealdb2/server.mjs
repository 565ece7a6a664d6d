// A front of our own before an engine of SurrealDB 2, as no server of that version can be had: the routes that Bulkhead uses and nothing
// else. What the engine says is the engine's; statuses and headers are ours, and so prove less than those of a real server.
//
// PORT, USERNAME and PASSWORD come from the environment, DATA is what the engine opens (`mem://`, `surrealkv://DIR`).

import { createServer } from "node:http";
import { timingSafeEqual } from "node:crypto";
import { createNodeEngines } from "@surrealdb/node";
import { Surreal, jsonify } from "surrealdb";

const { PORT, USERNAME, PASSWORD, DATA = "mem://" } = process.env;
const expected = Buffer.from(`Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString("base64")}`);

const db = new Surreal({ engines: createNodeEngines() });
await db.connect(DATA);

// The engine has one session: requests go through it one after the other.
let last = Promise.resolve();
const inTurn = (work) => (last = last.then(work, work));

async function statements(sql) {
    const answers = await db.query(sql).responses();
    return answers.map((answer) => {
        const time = answer.stats?.duration?.toString() ?? "0ns";
        return answer.success
            ? { result: jsonify(answer.result ?? null), status: "OK", time }
            : { result: answer.error.message, status: "ERR", time };
    });
}

async function body(request) {
    const parts = [];
    for await (const part of request) parts.push(part);
    return Buffer.concat(parts).toString("utf8");
}

const routes = {
    "POST /sql": async (request) => statements(await body(request)),
    "POST /import": async (request) => {
        const sql = await body(request);
        return statements(sql);
    },
    "GET /export": async () => db.export(),
};

async function handle(request, response) {
    const route = `${request.method} ${request.url.split("?")[0]}`;
    const answer = (status, value) => {
        const text = typeof value === "string";
        response.writeHead(status, { "content-type": text ? "text/plain" : "application/json" });
        response.end(text ? value : JSON.stringify(value));
    };
    if (route === "GET /health") return answer(200, "");
    if (route === "GET /version") return answer(200, (await db.version()).version);
    if (!routes[route]) return answer(404, { code: 404, description: "The requested resource does not exist" });
    const given = Buffer.from(request.headers.authorization ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        return answer(401, { code: 401, description: "Your authentication details are invalid" });
    }
    const [namespace, database] = [request.headers["surreal-ns"], request.headers["surreal-db"]];
    const result = await inTurn(async () => {
        await db.use({ namespace: namespace ?? null, database: database ?? null });
        return routes[route](request);
    });
    return answer(200, result);
}

createServer((request, response) => {
    handle(request, response).catch((error) => {
        response.writeHead(400, { "content-type": "application/json" });
        response.end(JSON.stringify({ code: 400, description: "Request problems detected", information: `${error.message}` }));
    });
}).listen(Number(PORT), "127.0.0.1");
