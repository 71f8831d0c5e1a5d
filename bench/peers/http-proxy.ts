/** http-proxy 1.18.1 with a keep-alive agent, passing everything: `node http-proxy.js PORT UPSTREAM_PORT`. */
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';

const [port, upstreamPort] = process.argv.slice(2).map(Number);
const proxy = httpProxy.createProxyServer({
  target: { host: '127.0.0.1', port: upstreamPort as number },
  agent: new Agent({ keepAlive: true, maxSockets: 256 }),
});
proxy.on('error', (_error, _req, res) => res.destroy());
createServer((req, res) => proxy.web(req, res)).listen(port, '127.0.0.1');
