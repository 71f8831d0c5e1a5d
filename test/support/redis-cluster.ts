/** A Redis Cluster of three masters on loopback, for tests. */
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, type RedisServer, startRedis } from './redis-server.ts';

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  close(): Promise<void>;
}

const SLOTS = 16_384;
const NODES = 3;
const JOIN_ATTEMPTS = 200;
const ATTEMPT_MS = 50;

/** Start the nodes, share the slots out, and wait until all of them call the cluster whole. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const close = async () => {
    await Promise.all(nodes.map((node) => node.close()));
  };
  try {
    for (let i = 0; i < NODES; i++) nodes.push(await startNode());
    const [first] = nodes;
    for (const [i, node] of nodes.entries()) {
      const from = Math.floor((SLOTS * i) / NODES);
      const to = Math.floor((SLOTS * (i + 1)) / NODES) - 1;
      await ask(node, `CLUSTER ADDSLOTSRANGE ${from} ${to}`);
      await ask(node, `CLUSTER MEET 127.0.0.1 ${first!.port} ${busPort(first!)}`);
    }
    const cluster = { nodes, close };
    await isWhole(cluster);
    return cluster;
  } catch (error) {
    await close();
    throw error;
  }
}

/** The bus port is the client port and 10,000 by default, which may be above 65,535. */
const busPorts = new WeakMap<RedisServer, number>();

function busPort(node: RedisServer): number {
  return busPorts.get(node)!;
}

async function startNode(): Promise<RedisServer> {
  const bus = await freePort();
  const node = await startRedis(
    ...['--cluster-enabled', 'yes', '--cluster-port', String(bus)],
    ...['--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no'],
  );
  busPorts.set(node, bus);
  return node;
}

async function ask(node: RedisServer, command: string): Promise<void> {
  const reply = await node.ask(command);
  if (!reply.startsWith('+OK')) throw new Error(`${command}: ${reply}`);
}

/** Wait until all nodes call the cluster whole. */
export async function isWhole({ nodes }: RedisCluster): Promise<void> {
  await Promise.all(nodes.map(callsItWhole));
}

async function callsItWhole(node: RedisServer): Promise<void> {
  for (let attempt = 0; attempt < JOIN_ATTEMPTS; attempt++) {
    const info = await node.ask('CLUSTER INFO');
    if (info.includes('cluster_state:ok') && info.includes(`cluster_slots_assigned:${SLOTS}`)) return;
    await delay(ATTEMPT_MS);
  }
  throw new Error(`the cluster does not come together: ${await node.ask('CLUSTER NODES')}`);
}
