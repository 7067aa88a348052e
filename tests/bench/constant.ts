// The bare server that http.ts compares with: Bun.serve and a constant.
const server = Bun.serve({
  port: Number(process.argv[2]),
  hostname: "127.0.0.1",
  fetch: () =>
    new Response('{"status":"ok"}', { headers: { "Content-Type": "application/json; charset=utf-8" } }),
});
console.log(`listening on ${server.url}`);
