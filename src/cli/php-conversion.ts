/**
 * PHP's session settings as a configuration that behaves the same in front of a PHP that can no longer put SIDs into URLs:
 * mirror mode, the `php` rewriter, hidden fields in all forms. Pure.
 *
 * Nothing is dropped silently: what has no counterpart is a comment that says where it went, lines that are not understood
 * are listed, and settings that are not about sessions are named at the end.
 */
import { maskSecrets } from '../config/excerpt.ts';
import { groupByScope, holdsEverywhere, lastOf, type Place } from './php-scopes.ts';
import { isOn, isOurs, type PhpSetting, type PhpSettings } from './php-settings.ts';

/** A setting that is a comment: where what it did is now. */
const REMARKS: Readonly<Record<string, string>> = {
  'session.auto_start': 'stays in PHP',
  'session.cache_expire': 'stays in PHP',
  'session.cache_limiter': 'stays in PHP; a page that carries a SID is `private, no-store` whatever it says',
  'session.cookie_domain': 'stays in PHP',
  'session.cookie_httponly': 'stays in PHP',
  'session.cookie_lifetime': 'stays in PHP',
  'session.cookie_partitioned': 'stays in PHP; see also `cookies.partitioned` in reference.md',
  'session.cookie_samesite': 'stays in PHP',
  'session.cookie_secure': 'stays in PHP',
  'session.entropy_file': 'gone since PHP 7.1',
  'session.entropy_length': 'gone since PHP 7.1',
  'session.gc_divisor': 'stays in PHP',
  'session.gc_probability': 'stays in PHP',
  'session.hash_bits_per_character': 'gone since PHP 7.1',
  'session.hash_function': 'gone since PHP 7.1',
  'session.bug_compat_42': 'gone since PHP 5.4',
  'session.bug_compat_warn': 'gone since PHP 5.4',
  'session.lazy_write': 'stays in PHP',
  'session.save_handler': 'stays in PHP: mirror mode stores nothing',
  'session.save_path': 'stays in PHP: mirror mode stores nothing',
  'session.serialize_handler': 'stays in PHP',
  'session.sid_bits_per_character': 'stays in PHP: mirror mode takes the ID as it is',
  'session.sid_length': 'stays in PHP: mirror mode takes the ID as it is, up to 256 characters',
  'session.upload_progress.cleanup': 'stays in PHP',
  'session.upload_progress.enabled': 'stays in PHP',
  'session.upload_progress.freq': 'stays in PHP',
  'session.upload_progress.min_freq': 'stays in PHP',
  'session.upload_progress.name': 'stays in PHP',
  'session.upload_progress.prefix': 'stays in PHP',
  'arg_separator.input': 'stays in PHP',
};

/** As SESSION_NAME has it. */
const MAX_NAME_CHARS = 64;
const SESSION_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
/** RFC 9110 §5.6.2: a token. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
/** What trans-sid needs in front of PHP 9 and what PHP 8 did: [PHP 5.7], a hidden field in every form [PHP 7]. */
const PHP_TAGS = 'a=href,area=href,frame=src,form=';

/** In the place of file and line. */
const BY_DEFAULT = '(its default)';

/** One line of YAML or of comment, under the keys of a route or of `defaults`. */
type Lines = string[];

/** The configuration as YAML text. It loads as it stands. */
export function convertPhpSettings({ settings, unread }: PhpSettings, upstream: string): string {
  const ours = settings.filter(({ name }) => isOurs(name));
  const others = settings.filter(({ name }) => !isOurs(name));
  const everywhere = lastOf(ours.filter(holdsEverywhere));
  const places = groupByScope(ours);
  const remarks = [...everywhere.values()].flatMap(remarkOn);
  const routes = places.flatMap((place) => routeLines(place, everywhere));
  return [
    "# Made from PHP's settings. Set `upstream` to where PHP serves, and let PHP use cookies only:",
    '# session.use_cookies=1, session.use_only_cookies=1, session.use_trans_sid=0. Then look at every comment here.',
    `upstream: ${yamlText(upstream)}`,
    '',
    ...sessionLines(everywhere),
    '',
    'defaults:',
    ...policyLines(everywhere).map((line) => `  ${line}`),
    ...(routes.length === 0 ? [] : ['', '# The first match wins.', 'routes:', ...routes]),
    ...commentBlock('Settings without a key here', remarks),
    ...commentBlock(
      'Lines that were not taken over',
      unread.map(({ file, line, text, reason }) => `${file}:${line}: ${maskSecrets(oneLine(text))} (${reason})`),
    ),
    ...commentBlock(
      'Not about sessions, left in PHP',
      others.map(({ file, line, name }) => `${file}:${line}: ${name}`),
    ),
    '',
  ].join('\n');
}

// ---------------------------------------------------------------------------------------------------------- sections

function sessionLines(settings: ReadonlyMap<string, PhpSetting>): Lines {
  return [
    'session:',
    '  mode: mirror # the SID is the value of the cookie of PHP, as it was',
    ...nameLines(settings).map((line) => `  ${line}`),
  ];
}

/** A name that a parameter can have, another one for every cookie: two sessions of one name would be taken for each other. */
function parameterFor(cookie: string): string {
  const spelt = cookie.replace(/[^A-Za-z0-9]/g, (char) => `-${char.charCodeAt(0).toString(16)}`);
  return `_${spelt}`.slice(0, MAX_NAME_CHARS);
}

/** A number, or nothing; unquoted words stand for either in an ini file. A quoted one is rather a mistake, too. */
const NO_PHP_NAME =
  /^(?:\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?\s*|none|null|no|off|false|on|yes|true)?$/i;

function nameLines(settings: ReadonlyMap<string, PhpSetting>): Lines {
  const setting = settings.get('session.name');
  const name = setting?.value ?? 'PHPSESSID';
  const why = setting === undefined ? BY_DEFAULT : placeOf(setting);
  if (setting !== undefined && NO_PHP_NAME.test(name))
    return [`name: PHPSESSID # ${refusedName(setting)}`, 'cookie: PHPSESSID'];
  if (SESSION_NAME.test(name))
    return [`name: ${yamlText(name)} # PHP: session.name ${why}`, `cookie: ${yamlText(name)}`];
  if (COOKIE_NAME.test(name)) {
    return [
      `name: ${parameterFor(name)} # no parameter can be called like the cookie`,
      `cookie: ${yamlText(name)} # PHP: session.name ${why}`,
    ];
  }
  return [`name: PHPSESSID # PHP: session.name ${why}: ${oneLine(name)} is no name of a cookie`, 'cookie: PHPSESSID'];
}

function refusedName(setting: PhpSetting): string {
  return `PHP: session.name ${placeOf(setting)}: PHP does not take ${oneLine(setting.value)}`;
}

/** Of a host or a path. A name that PHP does not take leaves it the one from around. */
function ownNameLines(own: ReadonlyMap<string, PhpSetting>): Lines {
  const setting = own.get('session.name');
  if (setting === undefined) return [];
  if (NO_PHP_NAME.test(setting.value)) return [`# ${refusedName(setting)}`];
  return ['session:', ...nameLines(own).map((line) => `  ${line}`)];
}

/** The keys of `defaults` for all that PHP had a setting for. */
function policyLines(settings: ReadonlyMap<string, PhpSetting>): Lines {
  return [
    ...tripleLines(settings, true),
    'rewriter: php # the tags that PHP finds',
    'forms: field # a hidden field in every form',
    ...listLines(settings, true),
  ];
}

/** PHP's defaults: use_cookies=1, use_only_cookies=1, use_trans_sid=0 [PHP 10.6]. */
function tripleLines(settings: ReadonlyMap<string, PhpSetting>, isWhole: boolean): Lines {
  const lines: Lines = [];
  const onlyCookies = settings.get('session.use_only_cookies');
  const transSid = settings.get('session.use_trans_sid');
  for (const [name, key, byDefault] of [
    ['session.use_cookies', 'use_cookies', true],
    ['session.use_only_cookies', 'use_only_cookies', true],
    ['session.use_trans_sid', 'use_trans_sid', false],
  ] as const) {
    const setting = settings.get(name);
    if (setting === undefined && !isWhole) continue;
    const value = setting === undefined ? byDefault : isOn(setting.value);
    lines.push(`${key}: ${value} # PHP: ${name} ${setting === undefined ? BY_DEFAULT : placeOf(setting)}`);
  }
  const isBlocked =
    isWhole && transSid !== undefined && isOn(transSid.value) && (onlyCookies === undefined || isOn(onlyCookies.value));
  if (isBlocked)
    lines.push('# PHP put no SID into URLs: use_only_cookies kept it from it. Set it to false to have them.');
  // An application may switch it on by itself, with ini_set() or in a file that was not imported.
  else if (isWhole && (transSid === undefined || !isOn(transSid.value)))
    lines.push('# These put no SID into URLs. To have them set use_trans_sid to true and use_only_cookies to false.');
  return lines;
}

function listLines(settings: ReadonlyMap<string, PhpSetting>, isWhole: boolean): Lines {
  const lines: Lines = [];
  const add = (name: string, key: string, convert: (value: string) => Converted) => {
    const setting = settings.get(name);
    if (setting === undefined) return;
    const { yaml, leftOut } = convert(setting.value);
    const rest =
      leftOut.length === 0 ? '' : `; left out, PHP did nothing with it: ${maskSecrets(oneLine(leftOut.join(', ')))}`;
    lines.push(`${key}: ${yaml} # PHP: ${name} ${placeOf(setting)}${rest}`);
  };
  add('session.trans_sid_tags', 'trans_sid_tags', tagList);
  if (isWhole && !settings.has('session.trans_sid_tags'))
    lines.push(`trans_sid_tags: ${yamlText(PHP_TAGS)} # PHP: session.trans_sid_tags ${BY_DEFAULT}`);
  add('session.trans_sid_hosts', 'trans_sid_hosts', hostList);
  if (hostList(settings.get('session.trans_sid_hosts')?.value ?? '').yaml !== '[]')
    lines.push(
      '# accept_from: [https://…] # the origins of these hosts: without it no SID from their pages is honoured',
    );
  add('url_rewriter.tags', 'url_rewriter_tags', tagList);
  add('url_rewriter.hosts', 'url_rewriter_hosts', hostList);
  const separator = settings.get('arg_separator.output');
  if (separator !== undefined && /^[&;,a-z0-9#]{1,16}$/i.test(separator.value))
    add('arg_separator.output', 'arg_separator', whole);
  else if (separator !== undefined)
    lines.push(
      `# arg_separator.output = ${oneLine(separator.value)} ${placeOf(separator)}: no separator that can be used here`,
    );
  const path = settings.get('session.cookie_path');
  if (path !== undefined && isScopePath(path.value) && path.value !== '/')
    add('session.cookie_path', 'scope_path', whole);
  const lifetime = settings.get('session.gc_maxlifetime');
  if (lifetime !== undefined)
    lines.push(
      `# session.gc_maxlifetime = ${oneLine(lifetime.value)} ${placeOf(lifetime)}: stays in PHP. In jar mode: session.idle_timeout: ${Number.parseInt(lifetime.value, 10) || 1440}s`,
    );
  return lines;
}

function routeLines({ hosts, path, own }: Place, everywhere: ReadonlyMap<string, PhpSetting>): Lines {
  // What a route says of use_trans_sid would change use_only_cookies too, where neither names it: so both are written.
  const triple = own.has('session.use_trans_sid') && !own.has('session.use_only_cookies');
  const inherited = everywhere.get('session.use_only_cookies');
  const keys = [
    `path: ${yamlText(path === null ? '/**' : globOf(path))}`,
    ...(hosts.length === 0 ? [] : [`host: ${hosts.length === 1 ? yamlText(hosts[0] ?? '') : yamlList(hosts)}`]),
    ...tripleLines(own, false),
    ...(triple ? [`use_only_cookies: ${inherited === undefined || isOn(inherited.value)} # as everywhere`] : []),
    ...listLines(own, false),
    ...ownNameLines(own),
    ...[...own.values()].flatMap(remarkOn).map((remark) => `# ${remark}`),
  ];
  return keys.map((line, index) => `${index === 0 ? '  - ' : '    '}${line}`);
}

/** A path of a <Location> as a pattern; characters that a pattern cannot have stand for any. */
function globOf(path: string): string {
  return `${path.replace(/(?:[?#\s{}[\]|\\^]|,(?=\/|$)|%(?:00|2[AF]|5C))+/gi, '*').replace(/\/+$/, '')}/**`;
}

/** A comment for a setting that is no key; nothing for one that is. */
function remarkOn(setting: PhpSetting): string[] {
  const told = REMARKS[setting.name];
  const spelt = `${withoutSecrets(setting)} ${placeOf(setting)}`;
  if (told !== undefined) return [`${spelt}: ${told}`];
  switch (setting.name) {
    case 'session.use_strict_mode':
      return [
        isOn(setting.value)
          ? `${spelt}: keep it on in PHP`
          : `${spelt}: set it to 1 in PHP, or anybody can choose the ID of a victim's session; jar mode is always strict`,
      ];
    case 'session.referer_check':
      return [
        setting.value === ''
          ? `${spelt}: nothing to check`
          : `${spelt}: a SID from a foreign page is never honoured here; name the pages that may send one in accept_from: [https://…]`,
      ];
    case 'session.cookie_path':
      return isScopePath(setting.value) ? [] : [`${spelt}: not a path`];
    case 'session.name':
    case 'session.use_cookies':
    case 'session.use_only_cookies':
    case 'session.use_trans_sid':
    case 'session.trans_sid_tags':
    case 'session.trans_sid_hosts':
    case 'session.gc_maxlifetime':
    case 'url_rewriter.tags':
    case 'url_rewriter.hosts':
    case 'arg_separator.output':
      return [];
    default:
      return [`${spelt}: not known`];
  }
}

function commentBlock(title: string, lines: readonly string[]): Lines {
  return lines.length === 0 ? [] : ['', `# ${title}:`, ...lines.map((line) => `#   ${oneLine(line)}`)];
}

// ------------------------------------------------------------------------------------------------------------ values

function placeOf({ file, line }: PhpSetting): string {
  return `(${oneLine(file)}:${line})`;
}

/** `name = value`. The path of sessions may be a server's address with a password in its query or before its host. */
function withoutSecrets({ name, value }: PhpSetting): string {
  const text = oneLine(value);
  const shown = name === 'session.save_path' ? text.replace(/\?.*$/, '?***').replace(/[^\s,/]*@/g, '***@') : text;
  return maskSecrets(`${name} = ${shown}`);
}

/** A value as YAML, and the parts of it that had no effect in PHP and have no place here. */
interface Converted {
  readonly yaml: string;
  readonly leftOut: readonly string[];
}

const whole = (text: string): Converted => ({ yaml: yamlText(text), leftOut: [] });

const isScopePath = (path: string): boolean => /^\/[^?#]*$/.test(path);

/** PHP ignores an item without `=` [PHP 5.1]; `fieldset=` does nothing since 7.1 [PHP 5.5]. */
function tagList(value: string): Converted {
  // PHP takes no blank away: ` area=href` is a tag that no page has.
  const { taken, leftOut } = sorted(value.split(','), (pair) => /^(?!fieldset=)[A-Za-z][\w:.-]*=[\w:.-]*$/i.test(pair));
  return { yaml: yamlText(taken.join(',')), leftOut };
}

/** PHP's hosts are names without port and scheme [PHP 6.1]; what is none cannot have matched. */
function hostList(value: string): Converted {
  const hosts = value.split(',').map((host) => host.trim());
  const { taken, leftOut } = sorted(hosts, (host) => /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(host));
  return { yaml: yamlList(taken), leftOut };
}

function sorted(items: readonly string[], isTaken: (item: string) => boolean): { taken: string[]; leftOut: string[] } {
  return { taken: items.filter(isTaken), leftOut: items.filter((item) => item !== '' && !isTaken(item)) };
}

function yamlList(texts: readonly string[]): string {
  return `[${texts.map(yamlText).join(', ')}]`;
}

/** A YAML scalar that reads back as this very text. */
function yamlText(text: string): string {
  const isPlain = /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return isPlain || /^https?:\/\/[\w.:[\]-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Settings are foreign text: within a comment no line may end early. */
function oneLine(text: string): string {
  return text.replace(/[\0-\x1f\x7f\x85\u2028\u2029]/g, ' ');
}
