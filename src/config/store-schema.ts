/** The keys of `store`, part of the contract of `schema.ts`: one shape for each kind of store. */
import { z } from 'zod';
import { duration, environmentName, fileName, section } from './units.ts';

const memoryShape = {
  kind: z.literal('memory').meta({ description: 'Bounds: `limits.max_sessions` and `limits.store`.' }),
};

const lmdbShape = {
  kind: z.literal('lmdb').meta({ description: 'Survives restarts and crashes.' }),
  path: fileName().default('./data').meta({ description: 'Folder of the database.' }),
};

const redisNode = () => {
  const error = 'not an address: write host:port';
  return z
    .string()
    .regex(/^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$/, { error, abort: true })
    .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65535, { error });
};

const redisUrl = () => {
  const error = 'not a Redis URL: write redis://host:port or rediss://host:port, the password by file';
  return z
    .string()
    .regex(/^rediss?:\/\/[^@\s/?#]+(?:\/[0-9]*)?(?:[?#][^@\s]*)?$/, { error, abort: true })
    .refine((text) => URL.canParse(text), { error });
};

const redisShape = {
  kind: z.literal('redis').meta({ description: 'Redis or Valkey: one of `url`, `sentinels` and `cluster`.' }),
  url: redisUrl().optional().meta({ description: 'One server; rediss:// for TLS.', example: 'redis://127.0.0.1:6379' }),
  sentinels: z.array(redisNode()).default([]).meta({
    description: 'Sentinels to ask for the server; they may want a password of their own.',
    example: '[10.0.0.1:26379]',
  }),
  sentinel_name: z
    .string()
    .min(1)
    .default('mymaster')
    .meta({ description: 'Name of the server that the sentinels watch.' }),
  sentinel_username: z.string().min(1).optional().meta({ description: 'User of an ACL of the sentinels.' }),
  sentinel_password_file: fileName().optional().meta({ description: 'File with the password of the sentinels.' }),
  sentinel_password_env: environmentName()
    .optional()
    .meta({ description: 'Environment variable with the password of the sentinels.', example: 'SENTINEL_PASSWORD' }),
  cluster: z
    .array(redisNode())
    .default([])
    .meta({ description: 'Some nodes of a Cluster.', example: '[10.0.0.1:7000]' }),
  username: z.string().min(1).optional().meta({ description: 'User of an ACL of the server.' }),
  password_file: fileName().optional().meta({ description: 'File with the password of the server.' }),
  password_env: environmentName()
    .optional()
    .meta({ description: 'Environment variable with the password of the server.', example: 'REDIS_PASSWORD' }),
  tls: z.boolean().default(false).meta({
    description:
      'Speak TLS to sentinels and the servers that they name, to Cluster nodes, and to the server of a `redis://` URL; `rediss://` says it by itself.',
  }),
  ca_file: fileName()
    .optional()
    .meta({ description: 'PEM file with the authorities to trust instead of the public ones.' }),
  key_prefix: z.string().max(64).default('transid:').meta({
    description:
      'Before every key; two proxies that share sessions need the same. It parts them from other keys, but `limits.max_sessions` counts those, too.',
  }),
  command_timeout: duration()
    .prefault('100ms')
    .meta({ description: 'Wait for one command; then the store counts as away.' }),
};

export const store = z
  .discriminatedUnion('kind', [section(memoryShape), section(lmdbShape), section(redisShape)], {
    error: 'the store needs `kind: memory`, `kind: lmdb` or `kind: redis`',
  })
  .optional()
  .meta({
    description:
      'Where sessions live. `memory`: one process, lost at its end. `lmdb`: files, all workers of one machine. `redis`: many machines. Default: `lmdb` with `transid serve`, in $STATE_DIRECTORY (as systemd sets it) or in the folder `data` beside this file; `memory` with `transid URL` and as a library.',
  });
