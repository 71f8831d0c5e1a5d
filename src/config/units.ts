/**
 * The leaf types of the configuration schema, and the way from YAML's names to the code's.
 *
 * YAML says `idle_timeout: 24m`; code says `idleTimeoutMs: 1440000`. The unit lives in the type of the leaf (a brand that
 * exists for the compiler only), so that `section()` can rename keys and types together and the two cannot drift apart.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

declare const unit: unique symbol;
/** An interface, so that declaration files can name it: they cannot name the symbol. */
export interface InUnit<Unit extends string> {
  readonly [unit]: Unit;
}
type Milliseconds = number & InUnit<'Ms'>;
type Bytes = number & InUnit<'Bytes'>;

const MS_PER = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES_PER = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** Node's timers hold 31 bits of milliseconds: 24.8 days. */
const MAX_TIMER_MS = 24 * MS_PER.d;
/** RFC 6265bis §5.5 lets no cookie live longer. */
const MAX_LIFETIME_MS = 400 * MS_PER.d;

/** The suffix that a key gets in code for its unit; a plain value has no entry. */
const units = z.registry<{ readonly suffix: 'Ms' | 'Bytes' }>();

/** A time such as `30s`: a whole number above 0 and one of ms, s, m, h, d; at most 24 days, or 400 days for a lifetime. */
export function duration(kind: 'timer' | 'lifetime' = 'timer') {
  const most = kind === 'timer' ? MAX_TIMER_MS : MAX_LIFETIME_MS;
  return z
    .string({ error: 'a time with its unit is needed, such as 500ms, 30s, 24m, 8h or 2d' })
    .regex(/^[0-9]{1,9}(ms|s|m|h|d)$/, { error: 'not a time: write a whole number and ms, s, m, h or d, such as 30s' })
    .transform((text, context): Milliseconds => {
      const digits = /^[0-9]+/.exec(text)?.[0] ?? '0';
      const ms = Number(digits) * MS_PER[text.slice(digits.length) as keyof typeof MS_PER];
      if (ms < 1) context.addIssue({ code: 'custom', message: 'the time must be above 0' });
      if (ms > most) context.addIssue({ code: 'custom', message: `the time must be at most ${most / MS_PER.d}d` });
      return ms as Milliseconds;
    })
    .register(units, { suffix: 'Ms' });
}

/** A size such as `64KiB`: a whole number and one of B, KiB, MiB, GiB, from `minBytes` on. */
export function size(minBytes = 1) {
  return z
    .string({ error: 'a size with its unit is needed, such as 512B, 64KiB, 8MiB or 1GiB' })
    .regex(/^[0-9]{1,9}(B|KiB|MiB|GiB)$/, {
      error: 'not a size: write a whole number and B, KiB, MiB or GiB, such as 64KiB',
    })
    .transform((text, context): Bytes => {
      const digits = /^[0-9]+/.exec(text)?.[0] ?? '0';
      const bytes = Number(digits) * BYTES_PER[text.slice(digits.length) as keyof typeof BYTES_PER];
      if (bytes < minBytes)
        context.addIssue({ code: 'custom', message: `the size must be at least ${minBytes} bytes` });
      if (bytes > Number.MAX_SAFE_INTEGER) context.addIssue({ code: 'custom', message: 'the size is too large' });
      return bytes as Bytes;
    })
    .register(units, { suffix: 'Bytes' })
    .meta({ least: minBytes === 1 ? undefined : spellSize(minBytes) });
}

/** `64KiB`, in the largest unit that gives a whole number. */
function spellSize(bytes: number): string {
  const unit = (['GiB', 'MiB', 'KiB'] as const).find((one) => bytes % BYTES_PER[one] === 0) ?? 'B';
  return `${bytes / BYTES_PER[unit]}${unit}`;
}

/** The URL of a server: scheme, host and maybe a port. */
export function httpUrl() {
  const error =
    'not the URL of a server: write http:// or https://, a host and maybe a port, without path, query, user or wildcard';
  return (
    z
      .string({ error: 'a URL is needed, such as http://127.0.0.1:8000' })
      // Nothing behind the host: the path of a request is forwarded as it came. In JSON Schema a pattern has no flags.
      .regex(/^[Hh][Tt][Tt][Pp][Ss]?:\/\/[^\s/\\?#@*]+\/?$/, { error, abort: true })
      .refine((text) => URL.canParse(text), { error })
      .transform((text) => new URL(text).origin)
  );
}

/** A whole number within the bounds, both inclusive. */
export function count(least: number, most: number) {
  const error = `a whole number from ${least} to ${most} is needed`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export interface Address {
  /** An IP address without brackets, or a name; never empty. */
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; `*:8080` means all addresses of the machine. */
export function address() {
  const error = 'not an address: write host:port, such as 127.0.0.1:8080, [::1]:8080 or *:8080';
  return z.string({ error }).transform((text, context): Address => {
    const found = parseAddress(text);
    if (found === null) context.addIssue({ code: 'custom', message: error });
    return found ?? { host: '127.0.0.1', port: 0 };
  });
}

/** Null when `text` is no `host:port`. */
function parseAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+|\*)):([0-9]{1,5})$/.exec(text);
  if (match === null) return null;
  const [, v6, name, digits] = match;
  const port = Number(digits);
  if (port > 65535 || (v6 !== undefined && isIP(v6) !== 6)) return null;
  // A name of digits and dots only is a mistyped address: no resolver should be asked for it.
  if (name !== undefined && /^[0-9.]+$/.test(name) && isIP(name) !== 4) return null;
  return { host: v6 ?? (name === '*' ? '::' : (name as string)), port };
}

/** A name or an address that a certificate can have. */
export function serverName() {
  const error = 'not a host name: such as app.example.org, without scheme and port';
  // Of none at all the length tells.
  return z
    .string()
    .min(1)
    .refine((text) => isIP(text) !== 0 || /^[A-Za-z0-9._-]*$/.test(text), { error });
}

/** An address or a network in CIDR form, IPv4 or IPv6. */
export function network() {
  const error = 'not a network: write an address or CIDR, such as 10.0.0.0/8 or 2001:db8::/32';
  return z.string({ error }).refine(
    (text) => {
      const [host = '', bits, ...rest] = text.split('/');
      const family = isIP(host);
      if (family === 0 || rest.length > 0) return false;
      return bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
    },
    { error },
  );
}

/** A token of RFC 9110 §5.6.2: cookie and field names. */
export function token(what: string) {
  const error = `not a ${what}: letters, digits and !#$%&'*+-.^_\`|~ only`;
  return z.string({ error }).regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, { error });
}

/** A file, relative to the folder of the configuration file. */
export function fileName() {
  const error = 'a file name is needed';
  return z.string({ error }).min(1, { error });
}

export function environmentName() {
  return z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'not the name of an environment variable' });
}

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
type Suffix<V> = NonNullable<V> extends Milliseconds ? 'Ms' : NonNullable<V> extends Bytes ? 'Bytes' : '';
/** The brand has done its work once the key carries the unit. */
type Plain<V> = V extends Milliseconds | Bytes ? number : V;

/** What a section looks like in code: camelCase with the unit last; a key that may be missing is there as undefined. */
export type InCode<Shape extends z.ZodRawShape> = {
  readonly [K in keyof Shape & string as `${Camel<K>}${Suffix<z.output<Shape[K]>>}`]: Plain<z.output<Shape[K]>>;
};

/** An object of the configuration: unknown keys are errors, keys are renamed for code. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  const names = Object.entries(shape).map(([key, field]) => [key, nameInCode(key, field)] as const);
  return z.strictObject(shape).transform((value): InCode<Shape> => {
    const from = value as Record<string, unknown>;
    // The names come from `shape` itself, by the same rule as the type.
    return Object.fromEntries(names.map(([key, name]) => [name, from[key]])) as InCode<Shape>;
  });
}

/** `idle_timeout` → `idleTimeoutMs`. */
function nameInCode(key: string, field: z.core.$ZodType): string {
  const camel = key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return camel + suffixOf(field);
}

/** Look through optional, default and prefault for the leaf that has a unit. */
function suffixOf(field: z.core.$ZodType): string {
  const own = units.get(field as z.ZodType)?.suffix;
  if (own !== undefined) return own;
  const inner = (field._zod.def as { innerType?: z.core.$ZodType }).innerType;
  return inner === undefined ? '' : suffixOf(inner);
}

type Overridable<Field> = Field extends
  | z.ZodPrefault<infer Inner>
  | z.ZodDefault<infer Inner>
  | z.ZodOptional<infer Inner>
  ? z.ZodOptional<Inner>
  : Field extends z.core.$ZodType
    ? z.ZodOptional<Field>
    : never;

/** The same keys without their defaults, all optional: for a place that overrides another. Descriptions are kept. */
export function overriding<Shape extends z.ZodRawShape>(shape: Shape): { [K in keyof Shape]: Overridable<Shape[K]> } {
  const fields = Object.entries(shape).map(([key, field]) => {
    const outer = field as z.ZodType;
    const inner = (outer._zod.def as unknown as { innerType?: z.ZodType }).innerType;
    const type = (outer._zod.def as { type: string }).type;
    const bare = inner !== undefined && ['prefault', 'default', 'optional'].includes(type) ? inner : outer;
    return [key, z.optional(bare).meta(outer.meta() ?? {})];
  });
  return Object.fromEntries(fields) as { [K in keyof Shape]: Overridable<Shape[K]> };
}
