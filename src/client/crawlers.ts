/**
 * Known crawlers by their User-Agent: those patterns of isbot that name crawlers, link previews and monitors.
 *
 * isbot as a whole answers another question ("is this no ordinary browser?"): its structural patterns also take Lynx,
 * w3m, old Internet Explorers, feature phones, curl and every test client for robots, and among these are the very
 * clients that refuse cookies and need a session. So its generic patterns and those for tools are left out here. Crawlers whose
 * names isbot has none for, it knows by an address: with a plus before it, as crawlers alone write it, that counts here, too.
 */
import { createIsbotFromList, list } from 'isbot';

/** As isbot spells them; `test/unit/client` fails when one of them is gone from a newer isbot. */
export const CRAWLER_PATTERNS: readonly string[] = [
  ' daum[ /]',
  ' deusu/',
  '(?<! channel/|google/)google(?!(?:wv|app|/google| pixel))',
  '(?<! cu)bots?(?:\\b|_)',
  '^bot',
  '^cobweb/',
  '^discourse',
  '^duckduckgo',
  '^facebook',
  '^owler',
  '^snapchat',
  '^whatsapp',
  '^yahoo',
  '^yandex',
  'archive',
  'ask jeeves/teoma',
  'attracta',
  'chrome-lighthouse',
  'crawl',
  'exaleadcloudview',
  'httrack',
  'linkcheck',
  'mail\\.ru/',
  'nutch',
  'pagespeed',
  'pingdom',
  'scrape',
  'sogou',
  'spider',
  'statuscake',
];

/** Toolbars and controls of browsers give their address without a plus. */
const CRAWLER_ADDRESS = /\+https?:\/\//i;

const isKnownCrawler = createIsbotFromList(list.filter((pattern) => CRAWLER_PATTERNS.includes(pattern)));

/** User-Agents repeat: answers are kept for the most recent ones, since the expression is long. */
const answers = new Map<string, boolean>();
const MAX_ANSWERS = 1000;
/** An agent of many KiB is no browser's and no crawler's: its beginning decides. */
const MAX_AGENT_CHARS = 1024;

export function isCrawler(userAgent: string): boolean {
  if (userAgent === '') return false;
  const agent = userAgent.length > MAX_AGENT_CHARS ? userAgent.slice(0, MAX_AGENT_CHARS) : userAgent;
  const known = answers.get(agent);
  if (known !== undefined) return known;
  // A crawler that wants to be known gives a version or an address; a bare word is anybody's.
  const answer = /[/ (]/.test(agent) && (CRAWLER_ADDRESS.test(agent) || isKnownCrawler(agent));
  if (answers.size >= MAX_ANSWERS) answers.clear();
  answers.set(agent, answer);
  return answer;
}
