/** Pages made to be slow: each of about `size` bytes. Used by the tests of linear time and by the bench. */

export interface HostilePage {
  name: string;
  make(size: number): string;
}

function repeated(name: string, unit: string, before = '', after = ''): HostilePage {
  return { name, make: (size) => before + unit.repeat(Math.ceil(size / unit.length)) + after };
}

export const HOSTILE_PAGES: readonly HostilePage[] = [
  repeated("'<b ' without '>'", '<b '),
  repeated('unclosed quotes', '<a x=\'"'),
  repeated('deep nesting of <b>', '<b>'),
  repeated('deep nesting of <div>', '<div>'),
  repeated('unclosed <a href=x>', '<a href=x>'),
  repeated("'<!--'", '<!--'),
  repeated("'<!-'", '<!-'),
  repeated('script escapes', '<script><!--<script '),
  repeated("'</scrip '", '</scrip ', '<script>'),
  {
    name: 'one tag, many attributes',
    make: (size) => `<b ${Array.from({ length: size / 6 }, (_, i) => `a${i % 9999}`).join(' ')} href=x>`,
  },
  repeated('one tag, one attribute repeated', 'x=1 ', '<b ', '>'),
  repeated('nested tables', '<table>'),
  repeated('formatting and paragraphs', '<a><b><i><p>'),
  repeated("'<'", '<'),
  repeated('a tag of interest that ends too late', 'x', '<a title="', '" href=x>'),
];

/** More of them: what tree construction and the log of tags could be slow at, and the five that end within a tag. */
export const MORE_HOSTILE_PAGES: readonly HostilePage[] = [
  repeated("'<a '", '<a '),
  repeated("'\"'", '"'),
  repeated('one attribute of the whole page', 'v', '<b title="', '">'),
  repeated('one attribute, a tag of interest', 'v', '<a title="', '">'),
  repeated("'=' without names", ' =', '<b '),
  repeated("'>' within quotes", '>', '<a title="'),
  repeated('nested svg', '<svg><g>'),
  repeated('svg with integration points', '<svg><desc>'),
  repeated('svg left and entered again', '<svg><p></svg>'),
  repeated('foreign end tags for nothing', '</x>', `<svg>${'<g>'.repeat(4000)}`),
  repeated('end tags for nothing, exactly followed', '</b></i></x>', `<svg><desc>${'<x>'.repeat(4000)}`),
  repeated('formatting elements all different', '<font size=1><i x><b y>', '<svg><desc>'),
  { name: 'adoption agency', make: (size) => agency(size) },
  repeated('paragraphs in formatting, exactly followed', '<p><b x><i y>z</p>', '<svg><desc>'),
  repeated('templates and selects', '<template><select><title>', ''),
  repeated('select and raw text', '<select><iframe></select><title></title>', ''),
  repeated('all of a page in a noscript', '<p title=x></p ', '<noscript>'),
  repeated('noscripts', '<noscript><noscript></noscript>'),
  repeated('a select full of drawings', '<svg><svg></svg></svg>', '<select>'),
  repeated('NULs', '\0'),
  repeated('white space as references', '&#32;'),
  repeated('unknown names', '<spam></eggs>'),
  repeated('unclosed CDATA', ']]', '<svg><![CDATA['),
  repeated("'--!'", '--!', '<!--'),
  repeated('carriage returns', '\r<b>'),
  repeated('links with colons behind a late slash', `<a href="${'a'.repeat(32_000)}/${':'.repeat(32_000)}">x</a>`),
];

/** Forms, for the product's marker: each waits for something. */
export const HOSTILE_FORMS: readonly HostilePage[] = [
  repeated('forms', '<form></form>'),
  repeated('forms that buttons can name', '<form id=x></form>'),
  repeated('forms in a noscript', '<form></form>', '<noscript>'),
  repeated(
    'foreign buttons that name no form',
    '<button form=y formaction=//e>',
    '<form id=x action=/a></form>'.repeat(2000),
  ),
  repeated(
    'foreign buttons in a template',
    '<button formaction=//e>',
    `<template>${'<form id=x></form>'.repeat(3500)}`,
  ),
];

/** For the php rewriter, which takes all tags of a form that does not end for one form. */
export const HOSTILE_PHP_FORMS: readonly HostilePage[] = [
  {
    name: 'forms that do not end, and foreign buttons',
    make: (size) => '<form>'.repeat(size / 12) + '<button formaction=//e>'.repeat(size / 46),
  },
  {
    name: 'forms that do not end, each with its name, and foreign buttons that name another',
    make: (size) =>
      `${Array.from({ length: size / 32 }, (_, i) => `<form id=a${i}>`).join('')}${'<button form=y formaction=//e>'.repeat(size / 60)}`,
  },
  {
    name: 'forms with foreign buttons inside and outside',
    make: (size) =>
      Array.from(
        { length: size / 80 },
        (_, i) => `<form id=a${i}><button formaction=//e></form><button form=y formaction=//e>`,
      ).join(''),
  },
];

function agency(size: number): string {
  const open = Array.from({ length: 60 }, (_, i) => `<b x=${i}>`).join('') + '<div>'.repeat(500);
  return `<svg><desc>${open}${'</b>'.repeat(size / 4)}`;
}

/** Those whose every tag can only be judged by following tree construction, element by element. */
export const NEEDS_TREE: ReadonlySet<string> = new Set([
  'nested svg',
  'svg with integration points',
  'svg left and entered again',
  'foreign end tags for nothing',
  'end tags for nothing, exactly followed',
  'formatting elements all different',
  'adoption agency',
  'paragraphs in formatting, exactly followed',
  'templates and selects',
  'select and raw text',
  'a select full of drawings',
]);
