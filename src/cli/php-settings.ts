/**
 * Read PHP settings from where they stand: php.ini and .user.ini (INI files), and `php_value`, `php_flag`, `php_admin_value`,
 * `php_admin_flag` lines of Apache configurations and .htaccess files. Pure.
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

const EVERYWHERE: SettingScope = { host: null, path: null };

/** The settings of one file; which of the two kinds of file it is shows in its lines. */
export function readPhpSettings(text: string, file: string): PhpSettings {
  const lines = text.replace(/^\u{FEFF}/u, '').split(/\r\n|\n|\r/);
  const isApache = lines.some((line) => /^\s*(?:php_(?:admin_)?(?:value|flag)\s|<\/?[A-Za-z])/i.test(line));
  return isApache ? readApache(lines, file) : readIni(lines, file);
}

function readIni(lines: readonly string[], file: string): PhpSettings {
  const settings: PhpSetting[] = [];
  const unread: UnreadLine[] = [];
  let scope: SettingScope | null = EVERYWHERE;
  for (const [index, text] of lines.entries()) {
    const at = { file, line: index + 1 };
    const trimmed = text.trim();
    if (trimmed === '' || trimmed.startsWith(';') || trimmed.startsWith('#')) continue;
    const section = /^\[([^\]]*)\]/.exec(trimmed)?.[1];
    if (section !== undefined) {
      const host = /^HOST=(.+)$/i.exec(section)?.[1]?.trim().toLowerCase();
      const isFolder = /^PATH=/i.test(section);
      scope = isFolder ? null : host === undefined ? EVERYWHERE : { host, path: null };
      if (isFolder) unread.push({ ...at, text: trimmed, reason: 'a folder of the server is no path of a URL' });
      continue;
    }
    const match = /^([A-Za-z_][\w.[\]-]*)\s*(?:=\s*(.*))?$/.exec(trimmed);
    if (match === null) unread.push({ ...at, text: trimmed, reason: 'not a setting' });
    else if (scope === null) unread.push({ ...at, text: trimmed, reason: 'holds for a folder of the server only' });
    else settings.push({ ...at, name: match[1] as string, value: iniValue(match[2] ?? ''), scope });
  }
  return { settings, unread };
}

/** Quotes taken off, a comment behind the value cut. In double quotes a backslash escapes only a quote or itself. */
function iniValue(raw: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'([^']*)'/.exec(raw);
  if (quoted !== null) return (quoted[1]?.replace(/\\(["\\])/g, '$1') ?? quoted[2]) as string;
  return raw.replace(/\s*;.*$/, '').trim();
}

function readApache(lines: readonly string[], file: string): PhpSettings {
  const settings: Array<{ setting: Omit<PhpSetting, 'scope'>; at: ApacheScope }> = [];
  const unread: UnreadLine[] = [];
  let scope: ApacheScope = { kind: '', host: { name: null }, path: null, isUnknown: false, above: null };
  for (const [index, text] of joinContinued(lines).entries()) {
    const at = { file, line: index + 1 };
    const trimmed = text.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const open = /^<([A-Za-z]+)\s*([^>]*)>$/.exec(trimmed);
    if (open !== null) {
      scope = opened(scope, (open[1] as string).toLowerCase(), unquote((open[2] as string).trim()));
      continue;
    }
    if (/^<\/[A-Za-z]+>$/.test(trimmed)) {
      scope = scope.above ?? scope;
      continue;
    }
    const [directive = '', name = '', ...rest] = words(trimmed);
    if (/^ServerName$/i.test(directive)) {
      // It may stand behind the settings that it is the host of: settings look at it when all is read.
      scope.host.name = name
        .replace(/^https?:\/\//i, '')
        .replace(/:\d+$/, '')
        .toLowerCase();
      continue;
    }
    if (!/^php_(admin_)?(value|flag)$/i.test(directive)) continue;
    if (scope.isUnknown) unread.push({ ...at, text: trimmed, reason: `holds within <${scope.kind}> only` });
    else if (name === '' || rest.length !== 1) unread.push({ ...at, text: trimmed, reason: 'not a setting' });
    else settings.push({ setting: { ...at, name, value: rest[0] as string }, at: scope });
  }
  return {
    settings: settings.map(({ setting, at }) => ({ ...setting, scope: { host: at.host.name, path: at.path } })),
    unread,
  };
}

interface ApacheScope {
  readonly kind: string;
  /** Shared by all that stands within one <VirtualHost>. */
  readonly host: { name: string | null };
  readonly path: string | null;
  /** A condition that no route can have: <Directory>, <Files>, <LocationMatch>, <If>. */
  readonly isUnknown: boolean;
  readonly above: ApacheScope | null;
}

function opened(above: ApacheScope, kind: string, argument: string): ApacheScope {
  const within = { ...above, kind, above };
  if (kind === 'virtualhost') return { ...within, host: { name: null } };
  if (kind === 'location' && argument.startsWith('/') && !/[*?~[]/.test(argument)) return { ...within, path: argument };
  // What is loaded or defined is as good as there.
  if (/^if(module|define|version)$/.test(kind)) return within;
  return { ...within, isUnknown: true };
}

/** Lines that end in a backslash go on; the numbers of the lines stay. */
function joinContinued(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let open: number | null = null;
  for (const line of lines) {
    const goesOn = line.endsWith('\\');
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
