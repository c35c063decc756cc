// How Node's HTTP server (llhttp) reads byte streams: a JSON array of base64 on stdin, one verdict for each on stdout.
import http from "node:http";
import net from "node:net";

const AT_ONCE = 50;
const verdicts = new Map();

const server = http.createServer({ maxHeaderSize: 65_536, requireHostHeader: true }, (request, response) => {
  const verdict = verdicts.get(request.socket.remotePort);
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    verdict.requests.push({
      method: request.method,
      target: Buffer.from(request.url, "latin1").toString("base64"),
      version: `HTTP/${request.httpVersion}`,
      headers: request.rawHeaders.map((text) => Buffer.from(text, "latin1").toString("base64")),
      body: Buffer.concat(parts).toString("base64"),
    });
    response.end("ok");
  });
  response.on("finish", () => {
    if (response.statusCode >= 400) verdict.clean = false;
  });
});
server.on("connection", (socket) => {
  verdicts.set(socket.remotePort, { requests: [], clean: true });
  socket.on("error", () => {});
});
server.on("clientError", (_, socket) => {
  verdicts.get(socket.remotePort).clean = false;
  socket.destroy();
});
server.on("connect", (request, socket) => {
  verdicts.get(socket.remotePort).clean = false;
  socket.destroy();
});

function ask(port, bytes) {
  return new Promise((resolve) => {
    let answer = "";
    const socket = net.connect(port, "127.0.0.1", () => {
      const own = socket.localPort;
      socket.on("data", (data) => (answer += data.toString("latin1")));
      socket.on("error", () => {});
      socket.on("close", () => {
        const verdict = verdicts.get(own);
        verdicts.delete(own);
        if (/^HTTP\/1\.1 [45]/m.test(answer)) verdict.clean = false;
        resolve(verdict);
      });
      socket.end(bytes);
    });
  });
}

const streams = JSON.parse(await new Response(process.stdin).text()).map((text) => Buffer.from(text, "base64"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const results = [];
for (let start = 0; start < streams.length; start += AT_ONCE) {
  const some = streams.slice(start, start + AT_ONCE).map((bytes) => ask(server.address().port, bytes));
  results.push(...(await Promise.all(some)));
}
process.stdout.write(JSON.stringify(results), () => process.exit());
