/**
 * Read PHP settings from where they stand: php.ini and .user.ini (INI files), pools of PHP-FPM (`php_admin_value[NAME] = …`), and
 * `php_value`, `php_flag`, `php_admin_value`, `php_admin_flag` lines of Apache configurations and .htaccess files. Pure.
 *
 * Settings keep the place they hold for: a [HOST=…] section of php.ini or a <VirtualHost>, a <Location>. Lines that cannot be
 * understood are results too: nothing is dropped.
 */
import { isHostPattern } from '../config/route-schema.ts';
import { hasOpenQuote, type IniValue, readIniValue } from './ini-value.ts';

export interface PhpSetting {
  /** As PHP names it, such as `session.use_trans_sid`. */
  readonly name: string;
  /** Without quotes; constants such as `On` as they stand. */
  readonly value: string;
  /** By `php_admin_value` or `php_admin_flag`: what has no `admin` does not change it. */
  readonly isAdmin: boolean;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly scope: SettingScope;
}

export interface SettingScope {
  /** Lower case; null for every host. */
  readonly host: string | null;
  /** Further names of the host; `*` in them stands for any characters. */
  readonly aliases: readonly string[];
  /** URL path of a <Location>; null for every path. */
  readonly path: string | null;
}

/** A line that is no setting and no ordinary structure of the file. */
export interface UnreadLine {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly reason: string;
}

export interface PhpSettings {
  readonly settings: readonly PhpSetting[];
  readonly unread: readonly UnreadLine[];
}

const INI_SETTING = /^\s*([A-Za-z_][\w.[\]-]*)\s*=\s*([\s\S]*)$/;
/** How a pool of PHP-FPM spells a setting of PHP. */
const POOL_SETTING = /^php_(admin_)?(?:value|flag)\[(.+)\]$/;
const APACHE_SETTING = /^\s*php_(admin_)?(value|flag)(?=\s|$)/i;
const NO_SETTING = 'not a setting';
const OTHER_FILE = 'another file: import it too';
const APACHE_CONTAINER = /^\s*<\/?[A-Za-z]/;

/** What may set something of PHP, or was meant to; all other lines of Apache's configuration are none of PHP's. */
const MATTERS_TO_PHP: ReadonlyArray<readonly [RegExp, reason: string]> = [
  [/^Include(?:Optional)?\s/i, OTHER_FILE],
  [/^PHPIniDir\s/i, 'where php.ini is: import that file too'],
  [/^php/i, NO_SETTING],
];

/** Of sessions and what travels with them; all else stays in PHP. */
export function isOurs(name: string): boolean {
  return /^(?:session|url_rewriter|arg_separator)\./.test(name);
}

/** The settings of one file, of all kinds line by line. */
export function readPhpSettings(text: string, file: string): PhpSettings {
  const lines = joinContinued(text.replace(/^\u{FEFF}/u, '').split(/\r\n|\n|\r/));
  const hasApache = lines.some((line) => APACHE_SETTING.test(line) || APACHE_CONTAINER.test(line));
  const isApacheAlone = hasApache && !lines.some((line) => INI_SETTING.test(line));
  const settings: Array<{ setting: Omit<PhpSetting, 'scope'>; at: Scope; refuse: (reason: string) => void }> = [];
  const unread: UnreadLine[] = [];
  const top: Scope = { kind: '', host: { name: null, aliases: [] }, path: null, isUnknown: false, above: null };
  let scope = top;
  let pool: Scope | null = null;
  for (const [index, line] of lines.entries()) {
    const at = { file, line: index + 1 };
    const trimmed = line.trim();
    const refuse = (reason: string) => unread.push({ ...at, text: trimmed, reason });
    if (/^(?:[;#]|$)/.test(trimmed)) continue;
    const next = scopeBehind(trimmed, scope, top);
    if (next !== null) {
      if (next.kind === FOLDER && trimmed.startsWith('[') && next !== scope)
        refuse('a folder of the server is no path of a URL');
      else if (/^\[[^\]]*\]\s*[^;#\s]/.test(trimmed)) refuse('what stands behind the ] needs a line of its own');
      scope = next;
    } else if (readNames(trimmed, scope.host)) {
      const odd = scope.host.aliases.filter((alias) => !isRouteHost(alias));
      if (odd.length > 0) refuse(noHost(odd.join(', ')));
      scope.host.aliases = scope.host.aliases.filter((alias) => !odd.includes(alias));
    } else {
      const setting = readSetting(trimmed);
      const isOfPool = setting?.isOfPool === true;
      if (isOfPool) pool ??= scope;
      if (setting === null) {
        const reason = whyUnread(trimmed, isApacheAlone);
        if (reason !== null) refuse(reason);
      } else if (setting.name === 'include') refuse(OTHER_FILE);
      else if (scope.isUnknown) refuse(reasonOf(scope));
      else if (isOfPool && pool !== scope) refuse('of another pool: import each pool by itself');
      else if (setting.fault !== null && isOurs(setting.name)) refuse(setting.fault);
      else {
        const { name, value, isAdmin } = setting;
        settings.push({ setting: { ...at, name, value: value ?? '', isAdmin }, at: scope, refuse });
      }
    }
  }
  const placed = settings.flatMap(({ setting, at, refuse }) => {
    const place = placeOf(at);
    if (place.host === null || isRouteHost(place.host)) return [{ ...setting, scope: place }];
    refuse(noHost(place.host));
    return [];
  });
  return { settings: placed, unread: unread.sort((a, b) => a.line - b.line) };
}

/** As the key `host` of a route has it, but for addresses in brackets. */
function isRouteHost(name: string): boolean {
  return !name.startsWith('[') && isHostPattern(name);
}

function noHost(name: string): string {
  return `holds for ${name}: no host that a route can name`;
}

/** True for a line that names the host that its <VirtualHost> is for. It may stand behind settings: they look at it at the end. */
function readNames(line: string, host: Scope['host']): boolean {
  const [, kind, names = ''] = /^Server(Name|Alias)\s+(\S.*)$/i.exec(line) ?? [];
  if (kind === undefined) return false;
  const [first = '', ...more] = words(names).map(hostOf);
  if (kind.toLowerCase() === 'name') host.name = first;
  // Apache's `?` is one character, which no pattern of a route can say.
  else host.aliases.push(...[first, ...more].map((name) => name.replace(/\?/g, '*')));
  return true;
}

function placeOf({ host, path }: Scope): SettingScope {
  const [name = null, ...aliases] = host.name === null ? host.aliases : [host.name, ...host.aliases];
  return { host: name, aliases, path };
}

/** Null: there is nothing of PHP in it, so that nothing is to be said. */
function whyUnread(line: string, isApacheAlone: boolean): string | null {
  const known = MATTERS_TO_PHP.find(([pattern]) => pattern.test(line));
  return known?.[1] ?? (isApacheAlone ? null : NO_SETTING);
}

interface SettingLine {
  readonly name: string;
  /** Null where it has a fault. */
  readonly value: string | null;
  readonly fault: string | null;
  readonly isAdmin: boolean;
  readonly isOfPool: boolean;
}

/** Null for a line that is none. */
function readSetting(line: string): SettingLine | null {
  const [, apachesAdmin, kind] = APACHE_SETTING.exec(line) ?? [];
  if (kind !== undefined) {
    const [, name = '', ...values] = words(line);
    const [value] = values;
    if (value === undefined || values.length > 1) return null;
    return { ...apacheValue(value, kind), name, isAdmin: apachesAdmin !== undefined, isOfPool: false };
  }
  const [, spelt, raw] = INI_SETTING.exec(line) ?? /^([A-Za-z_][\w.[\]-]*)\s*(?:;.*)?$/.exec(line) ?? [];
  if (spelt === undefined) return null;
  const [, admin, inner] = POOL_SETTING.exec(spelt) ?? [];
  const isOfPool = inner !== undefined;
  const read = raw === undefined ? NO_VALUE : readIniValue(raw);
  const given = isOfPool && raw?.includes('$pool') === true ? NAME_OF_POOL : read;
  return { ...given, name: inner ?? spelt, isAdmin: admin !== undefined, isOfPool };
}

const NO_VALUE = { value: null, fault: 'without = and a value, PHP does nothing with it' } as const;
const NAME_OF_POOL = { value: null, fault: 'PHP-FPM puts the name of the pool in: write it' } as const;

/** As mod_php has it: `none` is an empty value, and a flag is on by `On` and `1` alone. */
function apacheValue(value: string, kind: string): IniValue {
  if (kind.toLowerCase() === 'flag' && isOn(value) && !/^(?:on|1)$/i.test(value))
    return { value: null, fault: `mod_php takes ${value} for Off: write On or Off` };
  return { value: /^none$/i.test(value) ? '' : value, fault: null };
}

/** Where a setting stands while the file is read: a section of an INI file or a container of Apache's. */
interface Scope {
  readonly kind: string;
  /** Shared by all that stands within one <VirtualHost>. */
  readonly host: { name: string | null; aliases: string[] };
  readonly path: string | null;
  /** A condition that no route can have: [PATH=…], <Directory>, <Files>, <LocationMatch>, <If>. */
  readonly isUnknown: boolean;
  readonly above: Scope | null;
}

/** The kinds of sections that settings hold for. */
const FOLDER = '[PATH]';
const HOST = '[HOST]';

/** Where the lines behind this one stand; null when it neither opens nor closes anything. */
function scopeBehind(line: string, scope: Scope, top: Scope): Scope | null {
  const section = /^\[([^\]]*)\]/.exec(line)?.[1];
  if (section !== undefined) {
    // As PHP has it: the `=` may be missing or stand between blanks, a slash at the end is dropped.
    const [, kind, place = ''] = /^(PATH|HOST)[=\s]+(.*?)[/\s]*$/i.exec(section) ?? [];
    if (kind?.toUpperCase() === 'PATH' && place !== '') return { ...top, kind: FOLDER, isUnknown: true };
    if (place !== '') return { ...top, kind: HOST, host: { name: place.toLowerCase(), aliases: [] } };
    // No other section ends these two: what stands in [Session] behind [HOST=…] is the host's.
    return scope.kind === FOLDER || scope.kind === HOST ? scope : { ...top };
  }
  const [, kind, argument = ''] = /^<([A-Za-z]+)\s*([^>]*)>$/.exec(line) ?? [];
  if (kind !== undefined) return opened(scope, kind.toLowerCase(), unquote(argument.trim()));
  return /^<\/[A-Za-z]+>$/.test(line) ? (scope.above ?? scope) : null;
}

function opened(above: Scope, kind: string, argument: string): Scope {
  const within = { ...above, kind, above };
  if (kind === 'virtualhost') return { ...within, host: { name: null, aliases: [] } };
  if (kind === 'location' && argument.startsWith('/') && !/[*?~[]/.test(argument)) return { ...within, path: argument };
  // What is loaded or defined is as good as there.
  if (/^if(module|define|version)$/.test(kind)) return within;
  return { ...within, isUnknown: true };
}

/** By the outermost condition: an <IfModule> within a <Directory> is none. */
function reasonOf(scope: Scope): string {
  if (scope.above?.isUnknown) return reasonOf(scope.above);
  return scope.kind === FOLDER ? 'holds for a folder of the server only' : `holds within <${scope.kind}> only`;
}

function hostOf(serverName: string): string {
  return serverName
    .replace(/^https?:\/\//i, '')
    .replace(/:\d+$/, '')
    .toLowerCase();
}

/**
 * Lines of Apache's that end in a backslash go on; the numbers of the lines stay. In an INI file it is part of a value, which goes on
 * while its quote is open.
 */
function joinContinued(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let open: number | null = null;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    const more = open === null ? linesOfQuote(lines, index) : 0;
    if (more > 0) {
      joined.push(lines.slice(index, index + more + 1).join('\n'), ...Array<string>(more).fill(''));
      index += more;
      continue;
    }
    const goesOn = line.endsWith('\\') && !(open === null && /^\s*;/.test(line)) && !INI_SETTING.test(line);
    const text = goesOn ? line.slice(0, -1) : line;
    if (open === null) {
      joined.push(text);
      if (goesOn) open = joined.length - 1;
    } else {
      joined[open] += text;
      joined.push('');
      if (!goesOn) open = null;
    }
  }
  return joined;
}

/** How many lines the value that begins at `index` goes on for; 0 too where its quote is never closed. */
function linesOfQuote(lines: readonly string[], index: number): number {
  let [, , value = ''] = INI_SETTING.exec(lines[index] as string) ?? [];
  if (!hasOpenQuote(value)) return 0;
  for (let end = index + 1; end < Math.min(lines.length, index + MAX_QUOTED_LINES); end++) {
    value += `\n${lines[end]}`;
    if (!hasOpenQuote(value)) return end - index;
  }
  return 0;
}

/** No list of hosts is longer: a quote that is never closed costs no more. */
const MAX_QUOTED_LINES = 1000;

function words(text: string): string[] {
  return (text.match(/"(?:[^"\\]|\\.)*"|'[^']*'|\S+/g) ?? []).map(unquote);
}

function unquote(text: string): string {
  const quoted = /^(["'])([\s\S]*)\1$/.exec(text);
  return quoted === null ? text : (quoted[2] as string).replace(/\\(["\\])/g, '$1');
}

/** PHP's booleans: `On`, `yes`, `true` and any whole number but 0. */
export function isOn(value: string): boolean {
  return /^(on|yes|true)$/i.test(value) || Math.abs(Number.parseInt(value, 10)) > 0;
}
