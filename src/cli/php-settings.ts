/**
 * Read PHP settings from where they stand: php.ini and .user.ini (INI files), pools of PHP-FPM (`php_admin_value[NAME] = …`), and
 * `php_value`, `php_flag`, `php_admin_value`, `php_admin_flag` lines of Apache configurations and .htaccess files. Pure.
 *
 * Settings keep the place they hold for: a [HOST=…] section of php.ini or a <VirtualHost>, a <Location>. Lines that cannot be
 * understood are results too: nothing is dropped.
 */

export interface PhpSetting {
  /** As PHP names it, such as `session.use_trans_sid`. */
  readonly name: string;
  /** Without quotes; constants such as `On` as they stand. */
  readonly value: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly scope: SettingScope;
}

export interface SettingScope {
  /** Lower case; null for every host. */
  readonly host: string | null;
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

const INI_SETTING = /^\s*([A-Za-z_][\w.[\]-]*)\s*=\s*(.*)$/;
/** How a pool of PHP-FPM spells a setting of PHP. */
const POOL_SETTING = /^php_(?:admin_)?(?:value|flag)\[(.+)\]$/;
const APACHE_SETTING = /^\s*php_(?:admin_)?(?:value|flag)(?=\s|$)/i;
const NO_SETTING = 'not a setting';
const APACHE_CONTAINER = /^\s*<\/?[A-Za-z]/;

/** What may set something of PHP, or was meant to; all other lines of Apache's configuration are none of PHP's. */
const MATTERS_TO_PHP: ReadonlyArray<readonly [RegExp, reason: string]> = [
  [/^Include(?:Optional)?\s/i, 'another file: import it too'],
  [/^PHPIniDir\s/i, 'where php.ini is: import that file too'],
  [/^php/i, NO_SETTING],
];

/** The settings of one file, of all kinds line by line. */
export function readPhpSettings(text: string, file: string): PhpSettings {
  const lines = joinContinued(text.replace(/^\u{FEFF}/u, '').split(/\r\n|\n|\r/));
  const hasApache = lines.some((line) => APACHE_SETTING.test(line) || APACHE_CONTAINER.test(line));
  const isApacheAlone = hasApache && !lines.some((line) => INI_SETTING.test(line));
  const settings: Array<{ setting: Omit<PhpSetting, 'scope'>; at: Scope }> = [];
  const unread: UnreadLine[] = [];
  const top: Scope = { kind: '', host: { name: null }, path: null, isUnknown: false, above: null };
  let scope = top;
  for (const [index, line] of lines.entries()) {
    const at = { file, line: index + 1 };
    const trimmed = line.trim();
    const refuse = (reason: string) => unread.push({ ...at, text: trimmed, reason });
    if (/^(?:[;#]|$)/.test(trimmed)) continue;
    const next = scopeBehind(trimmed, scope, top);
    const serverName = /^ServerName\s+(\S+)/i.exec(trimmed)?.[1];
    if (next !== null) {
      scope = next;
      if (next.kind === FOLDER && trimmed.startsWith('[')) refuse('a folder of the server is no path of a URL');
    } else if (serverName !== undefined) {
      // It may stand behind the settings that it is the host of: settings look at it when all is read.
      scope.host.name = hostOf(unquote(serverName));
    } else {
      const setting = readSetting(trimmed);
      if (setting === null) {
        const reason = whyUnread(trimmed, isApacheAlone);
        if (reason !== null) refuse(reason);
      } else if (scope.isUnknown) refuse(reasonOf(scope));
      else settings.push({ setting: { ...at, ...setting }, at: scope });
    }
  }
  return {
    settings: settings.map(({ setting, at }) => ({ ...setting, scope: { host: at.host.name, path: at.path } })),
    unread,
  };
}

/** Null: there is nothing of PHP in it, so that nothing is to be said. */
function whyUnread(line: string, isApacheAlone: boolean): string | null {
  const known = MATTERS_TO_PHP.find(([pattern]) => pattern.test(line));
  return known?.[1] ?? (isApacheAlone ? null : NO_SETTING);
}

/** Null for a line that is none. */
function readSetting(line: string): { name: string; value: string } | null {
  if (APACHE_SETTING.test(line)) {
    const [, name = '', ...values] = words(line);
    const [value] = values;
    return value === undefined || values.length > 1 ? null : { name, value };
  }
  const [, name, value = ''] = INI_SETTING.exec(line) ?? /^([A-Za-z_][\w.[\]-]*)$/.exec(line) ?? [];
  return name === undefined ? null : { name: POOL_SETTING.exec(name)?.[1] ?? name, value: iniValue(value) };
}

/** Quotes taken off, a comment behind the value cut. In double quotes a backslash escapes only a quote or itself. */
function iniValue(raw: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'([^']*)'/.exec(raw);
  if (quoted !== null) return (quoted[1]?.replace(/\\(["\\])/g, '$1') ?? quoted[2]) as string;
  return raw.replace(/\s*;.*$/, '').trim();
}

/** Where a setting stands while the file is read: a section of an INI file or a container of Apache's. */
interface Scope {
  readonly kind: string;
  /** Shared by all that stands within one <VirtualHost>. */
  readonly host: { name: string | null };
  readonly path: string | null;
  /** A condition that no route can have: [PATH=…], <Directory>, <Files>, <LocationMatch>, <If>. */
  readonly isUnknown: boolean;
  readonly above: Scope | null;
}

/** The kind of a [PATH=…] section. */
const FOLDER = '[PATH]';

/** Where the lines behind this one stand; null when it neither opens nor closes anything. */
function scopeBehind(line: string, scope: Scope, top: Scope): Scope | null {
  const section = /^\[([^\]]*)\]/.exec(line)?.[1];
  if (section !== undefined) {
    if (/^PATH=/i.test(section)) return { ...top, kind: FOLDER, isUnknown: true };
    const host = /^HOST=(.+)$/i.exec(section)?.[1]?.trim().toLowerCase();
    return host === undefined ? top : { ...top, kind: '[HOST]', host: { name: host } };
  }
  const [, kind, argument = ''] = /^<([A-Za-z]+)\s*([^>]*)>$/.exec(line) ?? [];
  if (kind !== undefined) return opened(scope, kind.toLowerCase(), unquote(argument.trim()));
  return /^<\/[A-Za-z]+>$/.test(line) ? (scope.above ?? scope) : null;
}

function opened(above: Scope, kind: string, argument: string): Scope {
  const within = { ...above, kind, above };
  if (kind === 'virtualhost') return { ...within, host: { name: null } };
  if (kind === 'location' && argument.startsWith('/') && !/[*?~[]/.test(argument)) return { ...within, path: argument };
  // What is loaded or defined is as good as there.
  if (/^if(module|define|version)$/.test(kind)) return within;
  return { ...within, isUnknown: true };
}

function reasonOf({ kind }: Scope): string {
  return kind === FOLDER ? 'holds for a folder of the server only' : `holds within <${kind}> only`;
}

function hostOf(serverName: string): string {
  return serverName
    .replace(/^https?:\/\//i, '')
    .replace(/:\d+$/, '')
    .toLowerCase();
}

/** Lines of Apache's that end in a backslash go on; the numbers of the lines stay. In an INI file it is part of a value. */
function joinContinued(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let open: number | null = null;
  for (const line of lines) {
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

function words(text: string): string[] {
  return (text.match(/"(?:[^"\\]|\\.)*"|'[^']*'|\S+/g) ?? []).map(unquote);
}

function unquote(text: string): string {
  const quoted = /^(["'])([\s\S]*)\1$/.exec(text);
  return quoted === null ? text : (quoted[2] as string).replace(/\\(["\\])/g, '$1');
}

/** PHP's booleans: `On`, `yes`, `true` and any number but 0. */
export function isOn(value: string): boolean {
  return /^(on|yes|true)$/i.test(value.trim()) || Number.parseInt(value, 10) > 0;
}
