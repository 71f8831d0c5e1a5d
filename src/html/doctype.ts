/**
 * Whether a document type asks for quirks mode (HTML §13.2.5.53 ff. and §13.2.6.4.1), which decides if a table closes a
 * paragraph.
 */

const QUIRKS_PUBLIC_IDS = new Set([
  '-//w3o//dtd w3 html strict 3.0//en//',
  '-/w3c/dtd html 4.0 transitional/en',
  'html',
]);
const QUIRKS_SYSTEM_ID = 'http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd';

/** Public identifiers that begin so are of old pages, written for browsers without a standards mode. */
const QUIRKS_PREFIXES: readonly string[] = [
  '+//silmaril//dtd html pro v0r11 19970101//',
  '-//as//dtd html 3.0 aswedit + extensions//',
  '-//advasoft ltd//dtd html 3.0 aswedit + extensions//',
  ...['2.0 level 1', '2.0 level 2', '2.0 strict level 1', '2.0 strict level 2', '2.0 strict', '2.0', '2.1e', '3.0']
    .concat(['3.2 final', '3.2', '3', 'level 0', 'level 1', 'level 2', 'level 3', 'strict level 0', 'strict level 1'])
    .concat(['strict level 2', 'strict level 3', 'strict'])
    .map((kind) => `-//ietf//dtd html ${kind}//`),
  '-//ietf//dtd html//',
  '-//metrius//dtd metrius presentational//',
  ...['2.0 html strict', '2.0 html', '2.0 tables', '3.0 html strict', '3.0 html', '3.0 tables'].map(
    (kind) => `-//microsoft//dtd internet explorer ${kind}//`,
  ),
  '-//netscape comm. corp.//dtd html//',
  '-//netscape comm. corp.//dtd strict html//',
  "-//o'reilly and associates//dtd html 2.0//",
  "-//o'reilly and associates//dtd html extended 1.0//",
  "-//o'reilly and associates//dtd html extended relaxed 1.0//",
  '-//sq//dtd html 2.0 hotmetal + extensions//',
  '-//softquad software//dtd hotmetal pro 6.0::19990601::extensions to html 4.0//',
  '-//softquad//dtd hotmetal pro 4.0::19971010::extensions to html 4.0//',
  '-//spyglass//dtd html 2.0 extended//',
  '-//sun microsystems corp.//dtd hotjava html//',
  '-//sun microsystems corp.//dtd hotjava strict html//',
  ...['3 1995-03-24', '3.2 draft', '3.2 final', '3.2', '3.2s draft', '4.0 frameset', '4.0 transitional']
    .concat(['experimental 19960712', 'experimental 970421'])
    .map((kind) => `-//w3c//dtd html ${kind}//`),
  '-//w3c//dtd w3 html//',
  '-//w3o//dtd w3 html 3.0//',
  '-//webtechs//dtd mozilla html 2.0//',
  '-//webtechs//dtd mozilla html//',
];
/** These too, if there is no system identifier. */
const QUIRKS_PREFIXES_ALONE = ['-//w3c//dtd html 4.01 frameset//', '-//w3c//dtd html 4.01 transitional//'];

/**
 * `body` is what stands between `<!DOCTYPE` and `>`. No `>` can be in it, not even within quotes: there it ends the
 * document type, and such a one asks for quirks mode.
 */
export function asksForQuirks(body: string): boolean {
  if (body === ' html') return false;
  const name = /^[\t\n\f\r ]*([^\t\n\f\r ]+)[\t\n\f\r ]*(.*)$/s.exec(body);
  if (name === null || name[1]?.toLowerCase() !== 'html') return true;
  const rest = name[2] ?? '';
  if (rest === '') return false;
  const ids = /^(public|system)[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)')[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)')?/is.exec(rest);
  if (ids === null) return true;
  const isPublic = ids[1]?.toLowerCase() === 'public';
  const first = (ids[2] ?? ids[3] ?? '').toLowerCase();
  const second = ids[4] ?? ids[5];
  const behind = rest.slice(ids[0].length);
  // Behind a system identifier anything may stand; behind a public one alone, nothing but a quoted text.
  if (isPublic && second === undefined && behind !== '') return true;
  if (!isPublic) return first === QUIRKS_SYSTEM_ID;
  if (second?.toLowerCase() === QUIRKS_SYSTEM_ID || QUIRKS_PUBLIC_IDS.has(first)) return true;
  if (second === undefined && QUIRKS_PREFIXES_ALONE.some((prefix) => first.startsWith(prefix))) return true;
  return QUIRKS_PREFIXES.some((prefix) => first.startsWith(prefix));
}
