/**
 * The keys of a route, part of the contract of `schema.ts`: which requests it is for, and what it says of them. `defaults`
 * has the same keys, but for the first kind.
 */
import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { httpUrl, section, size } from './units.ts';

const tagList = (what: string) =>
  z.string({ error: `a list such as "a=href,form=" is needed` }).refine((text) => isTagList(text), {
    error: `not a list of ${what}: write tag=attribute pairs with commas, such as "a=href,area=href,form="`,
  });

/** PHP's grammar: `tag=attribute` with commas; an empty attribute stands for the hidden field. An empty text is an empty list. */
function isTagList(text: string): boolean {
  return text.trim() === '' || text.split(',').every((pair) => /^\s*[A-Za-z][\w:.-]*\s*=\s*[\w:.-]*\s*$/.test(pair));
}

/** Hosts: a list in YAML, or PHP's text with commas. */
const hostList = () => {
  const error = 'not a host';
  const item = z.string().regex(HOST, { error, abort: true }).refine(isUsable, { error });
  const text = z.string().transform((joined, context) => {
    const items = joined
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    for (const part of items)
      if (!HOST.test(part) || !isUsable(part)) context.addIssue({ code: 'custom', message: `${error}: ${part}` });
    return items;
  });
  return z.union([text, z.array(item)]);
};

const HOST = /^(?:https?:\/\/)?(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?$/;

/** An origin is to be one that a URL can have. Of a mere host that is none, `transid check` says that it matches nothing. */
function isUsable(host: string): boolean {
  return !host.includes('://') || URL.canParse(host);
}

const variables = () =>
  z
    .record(
      z.string().min(1),
      z.union([z.string(), z.number(), z.boolean()], { error: 'a text is needed' }).transform(String),
    )
    .transform((map): ReadonlyArray<readonly [string, string]> => Object.entries(map));

const simulation = z
  .enum(['no-cookies', 'session-only', 'block-third-party'])
  .meta({ description: 'The kind of client that the proxy plays.' });

const cookieNames = () =>
  z.array(
    z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: 'not a cookie name; a final * stands for any ending' }),
  );

/** Cookies that scripts of measurement and consent set on any client: they prove cookies, but not that the session's come back. */
export const IGNORED_COOKIES = [
  '_ga',
  '_ga_*',
  '_gid',
  '_gat*',
  '_gcl_*',
  '_fbp',
  '_fbc',
  '_pk_*',
  '_hj*',
  '_clck',
  '_clsk',
  'cookieconsent*',
  'OptanonConsent',
];

export const routeShape = {
  use_cookies: z.boolean().default(true).meta({
    description:
      "Let clients that take cookies use them. `false`: cookies are never relied on; the application's are always kept for the client.",
    php: 'session.use_cookies',
  }),
  use_trans_sid: z.boolean().default(false).meta({
    description: 'Put the SID into the links and forms of clients without cookies.',
    php: 'session.use_trans_sid',
  }),
  use_only_cookies: z.boolean().optional().meta({
    description:
      'Never honour a SID from a URL or a form. Default: true, unless the route (or `defaults`) says `use_trans_sid: true`.',
    php: 'session.use_only_cookies',
  }),
  on_url_sid: z.enum(['strip', 'redirect', 'reject']).default('strip').meta({
    description:
      'A SID arrives on a `use_only_cookies` route. `strip`: forward without it; `redirect`: send a GET navigation to the clean URL; `reject`: 400. A page that a foreign page asked for goes to the clean URL either way.',
  }),
  trans_sid_tags: tagList('tags').default('a=href,area=href,frame=src,iframe=src,form=').meta({
    description: 'Elements and attributes that are marked. `form=` means the hidden field or the action of forms.',
    php: 'session.trans_sid_tags',
  }),
  trans_sid_hosts: hostList().default([]).meta({
    description:
      'Further hosts whose URLs may carry the SID, beside the host of the page. A host counts with its port; a full origin also with its scheme. With `mode: mirror` without `sign` each of them honours it, from pages that its own `accept_from` names; with `jar` or `sign` a session belongs to one host.',
    example: '[shop.example.org, "https://pay.example.org"]',
    php: 'session.trans_sid_hosts',
  }),
  rewrite_vars: variables().default([]).meta({
    description: 'More variables to add to URLs and forms.',
    example: '{ lang: en }',
    php: 'output_add_rewrite_var()',
  }),
  url_rewriter_tags: tagList('tags')
    .default('form=')
    .meta({ description: 'Elements and attributes that get `rewrite_vars`.', php: 'url_rewriter.tags' }),
  url_rewriter_hosts: hostList().default([]).meta({
    description: 'Further hosts whose URLs get `rewrite_vars`, beside the host of the page.',
    php: 'url_rewriter.hosts',
  }),
  arg_separator: z
    .string()
    .regex(/^[&;,A-Za-z0-9#]{1,16}$/, { error: 'not a separator: such as "&amp;", "&" or ";"' })
    .optional()
    .meta({
      description:
        "Between parameters that are added in markup; header fields always use `&`. Default: `&amp;`, with `rewriter: php` PHP's own `&`.",
      php: 'arg_separator.output',
    }),
  ignore_cookies: cookieNames().default(IGNORED_COOKIES).meta({
    description: 'Cookies that do not prove that the session works; a final `*` stands for any ending.',
    example: '[_ga, "_pk_*"]',
  }),
  carrier: z.enum(['query', 'path-parameter', 'path-segment']).default('query').meta({
    description:
      'Where the SID travels: `?name=SID`, `;name=SID` (as Servlet containers), `/(name-SID)/` (as ASP.NET). With `rewriter: php` always `query`.',
  }),
  forms: z.enum(['auto', 'field']).default('auto').meta({
    description:
      '`auto`: hidden field in GET forms, marked action in POST forms. `field`: hidden field in all, as PHP; request bodies are then searched for it.',
  }),
  detect: z.enum(['passive', 'probe']).default('passive').meta({
    description:
      '`passive`: judge by what comes. `probe`: one redirect with a test cookie at the first page, so that a client with cookies never sees a SID; in a frame of a foreign site only with `cookies.partitioned`.',
  }),
  recover: z.enum(['referer', 'off']).default('referer').meta({
    description:
      'Find the session of a request without SID by its Referer, if that is a page of our own. Makes scripts and images work.',
  }),
  rewriter: z
    .enum(['html', 'php'])
    .default('html')
    .meta({ description: '`html`: finds the tags that a browser finds. `php`: finds those that PHP finds.' }),
  php_version: z.enum(['8.2', '8.4']).default('8.2').meta({
    description: 'Whose host rules the `php` rewriter follows.',
    example: '"8.4"',
  }),
  scope_path: z
    .string()
    .regex(/^\/[^?#]*$/, { error: 'not a path: it starts with /' })
    .default('/')
    .meta({
      description: 'Only URLs below this path are marked.',
      php: 'session.cookie_path',
    }),
  accept_from: z.array(httpUrl()).default([]).meta({
    description:
      'Foreign origins whose pages may link here with a SID. Without it a SID that arrives from a foreign page is not honoured, but for one that this client got within the last 30 s (`mode: jar`, and only for a client whose address is its own: a public one, or one that a proxy of `trusted_proxies` names); on a `use_only_cookies` route such a page goes to the clean URL.',
    example: '[https://partner.example]',
    php: 'session.referer_check',
  }),
  on_store_failure: z.enum(['refuse', 'anonymous']).default('refuse').meta({
    description:
      'The store is away and a SID comes. `refuse`: 503 with Retry-After. `anonymous`: serve as a new client. The same holds where a session would begin for a client that takes no cookies; one of which nothing is known gets its cookie and an unmarked page.',
  }),
  body_limit: size()
    .optional()
    .meta({ description: 'Largest request body of this route. Default: `limits.body`.', example: '64MiB' }),
  expose: z.boolean().default(false).meta({
    description: 'Tell the application by the request fields `Transid-Client` and `Transid-Sid`.',
    php: 'SID',
  }),
  cookies: section({
    partitioned: z.boolean().default(false).meta({
      description:
        'In a frame of a foreign site try partitioned cookies (CHIPS) before the URL: adds `SameSite=None; Secure; Partitioned`.',
    }),
  })
    .prefault({})
    .meta({ description: "What happens to the application's cookies." }),
  simulate: z
    .union([
      simulation.transform((as) => ({ as, script: false, byField: false })),
      section({
        as: simulation.optional(),
        script: z
          .boolean()
          .default(false)
          .meta({ description: 'Also neutralise `document.cookie` by a small script in each page.' }),
        by_field: z
          .boolean()
          .default(false)
          .meta({ description: 'Let a request choose by its `Transid-Simulate` field. For tests only.' }),
      }),
    ])
    .optional()
    .meta({
      description: 'Make every client look like one with restricted cookies, to test the application.',
      example: 'no-cookies',
    }),
};

/** Percent-encoded they would mean something else in a pattern, or nothing that a path can hold. */
const NOT_IN_PATTERNS = /%(?:00|2[AF]|5C)/i;
/** What other patterns know (`{a,b}`, `[ab]`, `a|b`), and no path holds but percent-encoded (RFC 3986 §3.3). */
const OF_OTHER_PATTERNS = /[{}[\]|\\^]/;

const pathGlob = () =>
  z
    .string()
    .regex(/^\/[^?#\s]*$/, {
      error:
        'not a path pattern: it starts with / and may hold * and **, such as /admin/**; a blank is %20, several are a list',
      abort: true,
    })
    .superRefine((text, context) => {
      const fault = patternFault(text);
      if (fault !== null) context.addIssue({ code: 'custom', message: fault });
    })
    .transform(decodePercent);

function patternFault(text: string): string | null {
  if (text.includes(',/')) return 'not one path pattern: write several as a list, such as ["/admin/**", "/pay/**"]';
  if (text.split('/').some((segment) => segment !== '**' && segment.includes('**')))
    return 'not a path pattern: ** stands by itself between slashes, * is for a part of a segment';
  const foreign = OF_OTHER_PATTERNS.exec(text)?.[0];
  if (foreign !== undefined)
    return `not a path pattern: ${foreign} means nothing in one; only * and ** do, and several patterns are a list`;
  if (NOT_IN_PATTERNS.test(text)) return 'not a path pattern: %00, %2A, %2F and %5C have no place in one';
  return null;
}

/** Paths are compared decoded, so are patterns. Bytes that are no UTF-8 are Latin-1, as in paths. */
function decodePercent(pattern: string): string {
  return pattern.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex');
    return isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
  });
}

const HOST_PATTERN = /^[A-Za-z0-9.*_-]+$|^\[[0-9a-fA-F:.]+\]$/;

/** Can a route name it: a host that a request can have, or one with stars in it? */
export function isHostPattern(text: string): boolean {
  return HOST_PATTERN.test(text) && (text.includes('*') || URL.canParse(`http://${text}`));
}

const hostGlob = () => {
  const error = 'not a host pattern: such as shop.example.org or *.example.org, without port';
  return z.string().regex(HOST_PATTERN, { error, abort: true }).refine(isHostPattern, { error });
};
const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item.transform((one) => [one]), z.array(item).min(1)]);

/** Which requests a route is for. */
export const matchShape = {
  name: z
    .string()
    .regex(/^[\w./-]{1,64}$/, { error: 'not a name: letters, digits and _ . / - only, at most 64' })
    .optional()
    .meta({
      description: 'Name of the route in logs and metrics.',
      example: 'shop',
    }),
  path: oneOrMore(pathGlob()).prefault('/**').meta({
    description:
      'Which paths: `*` any characters within a segment, `**` any segments; `/admin/**` is /admin and all below, `/admin` and `/admin/` only themselves. Compared decoded: `%20` is a blank. One pattern or a list.',
    example: '/admin/**',
  }),
  host: oneOrMore(hostGlob()).optional().meta({
    description: 'Which hosts, `*` for any characters; without port. One pattern or a list.',
    example: 'shop.example.org',
  }),
};
