/**
 * The keys of `session`, part of the contract of `schema.ts`: how the SID travels, how long a session lives, what it is bound
 * to and when its SID changes. A route overrides them, but for the signing key.
 */
import { z } from 'zod';
import { duration, environmentName, fileName, overriding, section, token } from './units.ts';

const rotationShape = {
  on: z
    .union([z.enum(['auto', 'never']), z.array(token('cookie name')).min(1)])
    .default('auto')
    .meta({
      description:
        'When a session gets a new SID. `auto`: the answer to an unsafe method (POST, PUT, …) creates or replaces a cookie that is HttpOnly or in `session.cookies`; where that list is empty also when it replaces a cookie without an end, or creates such a one that looks like an identifier. A list: an answer, to any method, creates or replaces one of these cookies. `never`: only when the application says `Transid-Rotate`.',
      example: '[PHPSESSID]',
    }),
  old_sid: z.enum(['dead', 'follow']).default('dead').meta({
    description:
      'What the old SID is good for. `dead`: nothing. `follow`: leads the same client (User-Agent and network) to the new session, for framesets.',
  }),
};

const sessionName = () =>
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, {
    error: 'not a session name: a letter or _, then letters, digits, _ and -, at most 64',
  });

export const sessionShape = {
  mode: z.enum(['jar', 'mirror']).default('jar').meta({
    description:
      "`jar`: the SID is our own and leads to the client's cookies in the store. `mirror`: the SID is the value of one cookie of the application, as in PHP; nothing is stored, so that lifetimes and rotation are the application's, and only `sign` binds a SID to host and client.",
  }),
  name: sessionName().default('_sid').meta({
    description: 'Name of the parameter, hidden field or path mark that carries the SID.',
    php: 'session.name',
  }),
  cookie: token('cookie name').optional().meta({
    description:
      "Mirror mode: the application's cookie whose value is the SID: 1 to 256 letters, digits, `,` and `-`, as PHP's. Others are no SID.",
    example: 'PHPSESSID',
    php: 'session.name',
  }),
  cookies: z.array(token('cookie name')).default([]).meta({
    description:
      'Cookies of the application that prove a client with cookies, and no others; a final `*` stands for any ending. Empty: any cookie that is not in `ignore_cookies`.',
    example: '[PHPSESSID]',
  }),
  idle_timeout: duration('lifetime')
    .prefault('1440s')
    .meta({ description: 'A session unused for so long is over.', php: 'session.gc_maxlifetime' }),
  absolute_timeout: duration('lifetime')
    .prefault('8h')
    .meta({ description: 'A session is over so long after it began.' }),
  unproven_timeout: duration('lifetime')
    .prefault('5m')
    .meta({ description: 'A session whose SID never came back is over after so long.' }),
  bind: z
    .array(z.enum(['user-agent', 'network']))
    .default(['user-agent'])
    .meta({
      description:
        'What else must be the same for a SID to be honoured, beside the host: `user-agent`; `network` (/24 of IPv4, /56 of IPv6).',
    }),
  sign: z.boolean().default(false).meta({
    description:
      'Mirror mode: put an HMAC on the SID, so that only SIDs of ours come back. Needs `sign_key_file` or `sign_key_env`.',
  }),
  rotation: section(rotationShape)
    .prefault({})
    .meta({ description: 'When the SID changes.', php: 'session_regenerate_id()' }),
};

/** One key for all routes: it is not among what a route may override. */
export const signKeyShape = {
  sign_key_file: fileName()
    .optional()
    .meta({ description: 'File with the key for `sign`: at least 32 bytes of text.' }),
  sign_key_env: environmentName()
    .optional()
    .meta({ description: 'Environment variable with the key for `sign`.', example: 'TRANSID_SIGN_KEY' }),
};

/** A route overrides what it names; the rest comes from `session`. */
export const routeSession = section({
  ...overriding(sessionShape),
  rotation: section(overriding(rotationShape)).optional().meta({ description: 'When the SID changes.' }),
});
