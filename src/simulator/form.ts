/**
 * A form and what it sends: HTML §4.10.21 (form submission), §4.10.5 (the states of `input`) and §4.10.21.4
 * (constructing the entry list), to the byte as Chromium does it.
 *
 * Deviations: constraints (`required`, `pattern`…) are not checked, so that a tester may send what a page would refuse;
 * `wrap=hard` is not laid out; custom elements have no values.
 */
import { randomBytes } from 'node:crypto';
import { collapse, readable } from './blanks.ts';
import { encodeText, known } from './charset.ts';
import { isNoReferrer, labelOf, type ParsedPage, parentElement, rawText } from './page.ts';
import { percentByte } from './reference.ts';
import { attribute, type Element, isHtml, type TreeNode } from './tree.ts';
import { sanitize } from './values.ts';

export interface FileValue {
  readonly name: string;
  /** Media type; `application/octet-stream` when it is not given. */
  readonly type?: string;
  readonly content: Buffer | string;
}

/** What a person has changed in a control; what is absent is as the page says. */
export interface ControlState {
  readonly value?: string;
  readonly checked?: boolean;
  /** Of a `select`: the chosen options. */
  readonly options?: ReadonlySet<Element>;
  readonly files?: readonly FileValue[];
}
export type FormState = ReadonlyMap<Element, ControlState>;

export interface Submission {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body: Buffer | null;
  readonly contentType: string | null;
  readonly target: string;
  readonly noReferrer: boolean;
}

type Entry = readonly [name: string, value: string | FileValue];
type Coordinates = readonly [x: number, y: number];

/**
 * What submitting `form` by `submitter` (null: by script, without a button) would send.
 * Null for `method=dialog` and for actions that are not http(s): a browser sends nothing to the site then.
 */
export function buildSubmission(
  page: ParsedPage,
  form: Element,
  submitter: Element | null,
  state: FormState,
  options: { readonly charset: string; readonly clickAt?: Coordinates; readonly boundary?: string },
): Submission | null {
  const own = (name: string, override: string): string | null =>
    (submitter === null ? null : attribute(submitter, override)) ?? attribute(form, name);
  const method = keyword(own('method', 'formmethod'), ['get', 'post', 'dialog'], 'get');
  if (method === 'dialog') return null;
  const enctype = keyword(own('enctype', 'formenctype'), [URLENCODED, MULTIPART, PLAIN], URLENCODED);
  const charset = formCharset(form, options.charset);

  const url = actionUrl(page, own('action', 'formaction'), page.url);
  if (url === null || !/^https?:/.test(url)) return null;

  const entries = entryList(page, form, submitter, state, charset, options.clickAt ?? [0, 0]).map(normalizeEntry);
  const target = own('target', 'formtarget') ?? page.baseTarget;
  const noReferrer = isNoReferrer(form);
  if (method === 'get') {
    const mutated = new URL(url);
    mutated.search = `?${urlencode(entries, charset)}`;
    return { method: 'GET', url: mutated.href, body: null, contentType: null, target, noReferrer };
  }
  const boundary =
    options.boundary ?? `----WebKitFormBoundary${randomBytes(12).toString('base64url').replace(/[-_]/g, 'A')}`;
  const sent = encodeBody(enctype, entries, charset, boundary);
  return { method: 'POST', url, ...sent, target, noReferrer };
}

/** Where an `action` leads; an empty one to the document's `own` URL, whatever the base says (§4.10.21.3 steps 12 and 13). */
export function actionUrl(page: ParsedPage, action: string | null, own: string): string | null {
  return action === null || collapse(action) === '' ? own : page.resolve(action);
}

/** Whether the control cannot be used: §4.10.18.5, with the first legend's exception (§4.10.15). */
export function isDisabled(control: Element): boolean {
  if (attribute(control, 'disabled') !== null) return true;
  let child: Element = control;
  for (let node = parentElement(control); node !== null; child = node, node = parentElement(node)) {
    if (!isHtml(node, 'fieldset') || attribute(node, 'disabled') === null) continue;
    const legend = node.childNodes.find((each) => isHtml(each, 'legend'));
    if (legend !== child) return true;
  }
  return false;
}

/** Submit buttons, image buttons and `button` elements that submit (§4.10.21.2); of these none that has a command instead of a type. */
export function isSubmitButton(control: Element): boolean {
  if (isHtml(control, 'button')) {
    const type = keyword(attribute(control, 'type'), ['submit', 'reset', 'button'], null);
    const isCommand = attribute(control, 'command') !== null || attribute(control, 'commandfor') !== null;
    return type === 'submit' || (type === null && !isCommand);
  }
  return isHtml(control, 'input') && ['submit', 'image'].includes(inputType(control));
}

/** English, as Accept-Language says. */
const DEFAULT_SUBMIT_LABEL = 'Submit';

/** The label that a person reads on a button. */
export function buttonLabel(button: Element): string {
  if (isHtml(button, 'button')) return labelOf(button);
  const isImage = inputType(button) === 'image';
  const label = attribute(button, isImage ? 'alt' : 'value') ?? (isImage ? attribute(button, 'title') : null);
  return readable(label ?? (isImage ? (attribute(button, 'name') ?? '') : DEFAULT_SUBMIT_LABEL));
}

const INPUT_TYPES =
  'button checkbox color date datetime-local email file hidden image month number password radio range reset search submit tel text time url week'.split(
    ' ',
  );

/** The state of an `input`; unknown types are `text` (§4.10.5). */
export function inputType(control: Element): string {
  return keyword(attribute(control, 'type'), INPUT_TYPES, 'text');
}

export function optionsOf(select: Element): Element[] {
  const found: Element[] = [];
  const visit = (node: TreeNode): void => {
    if (!('childNodes' in node)) return;
    for (const child of node.childNodes) {
      if (isHtml(child, 'option')) found.push(child);
      else visit(child);
    }
  };
  visit(select);
  return found;
}

export function optionValue(option: Element): string {
  return attribute(option, 'value') ?? collapse(rawText(option));
}

/** Which options are chosen: by the person, else by the page, else the first usable one of a drop-down (§4.10.7). */
function chosenOptions(select: Element, state: FormState): Element[] {
  const options = optionsOf(select);
  const chosen = state.get(select)?.options;
  if (chosen !== undefined) return options.filter((option) => chosen.has(option));
  const marked = options.filter((option) => attribute(option, 'selected') !== null);
  if (attribute(select, 'multiple') !== null) return marked;
  if (marked.length > 0) return marked.slice(-1);
  const size = Number.parseInt(attribute(select, 'size') ?? '1', 10);
  return size > 1 ? [] : options.filter((option) => !isOptionDisabled(option)).slice(0, 1);
}

function isChecked(control: Element, state: FormState): boolean {
  return state.get(control)?.checked ?? attribute(control, 'checked') !== null;
}

/** The value as the control's API would give it: sanitised, line ends as LF. */
function controlValue(control: Element, state: FormState): string {
  const typed = state.get(control)?.value;
  if (isHtml(control, 'textarea')) return (typed ?? rawText(control)).replace(/\r\n?/g, '\n');
  if (!isHtml(control, 'input')) return typed ?? attribute(control, 'value') ?? '';
  // Deviation: by the standard a submit button without a value sends an empty one; browsers send the label they show.
  if (inputType(control) === 'submit' && attribute(control, 'value') === null) return DEFAULT_SUBMIT_LABEL;
  return sanitize(inputType(control), typed ?? attribute(control, 'value') ?? '', (name) => attribute(control, name));
}

// ---------------------------------------------------------------------------------------------------------------------

const URLENCODED = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';
const PLAIN = 'text/plain';
type Enctype = typeof URLENCODED | typeof MULTIPART | typeof PLAIN;

function keyword<T extends string, Else extends T | null>(
  value: string | null,
  all: readonly T[],
  otherwise: Else,
): T | Else {
  const lower = (value ?? '').toLowerCase();
  return all.find((each) => each === lower) ?? otherwise;
}

/**
 * §4.10.21.5, "pick an encoding for the form": the first known label of accept-charset, else the page's own.
 * Deviation: commas part labels, too, as HTML 4 had it and browsers do.
 */
function formCharset(form: Element, pageCharset: string): string {
  const accepted = attribute(form, 'accept-charset');
  const labels = accepted === null ? [] : accepted.split(/[\t\n\f\r ,]+/).filter((label) => label !== '');
  const charset =
    accepted === null
      ? pageCharset
      : (labels.map((label) => known(label)).find((name) => name !== null) ?? pageCharset);
  return charset.startsWith('utf-16') ? 'utf-8' : charset;
}

/** §4.10.21.4, "construct the entry list". */
function entryList(
  page: ParsedPage,
  form: Element,
  submitter: Element | null,
  state: FormState,
  charset: string,
  clickAt: Coordinates,
): Entry[] {
  const entries: Entry[] = [];
  for (const control of page.controls(form)) {
    if (!['button', 'input', 'select', 'textarea'].includes(control.tagName)) continue;
    if (isDisabled(control) || hasDatalist(control)) continue;
    if (isButton(control) && control !== submitter) continue;
    const type = isHtml(control, 'input') ? inputType(control) : control.tagName;
    if ((type === 'checkbox' || type === 'radio') && !isOn(page, control, type, state)) continue;
    const name = attribute(control, 'name') ?? '';
    if (type === 'image') {
      const prefix = name === '' ? '' : `${name}.`;
      entries.push([`${prefix}x`, String(clickAt[0])], [`${prefix}y`, String(clickAt[1])]);
      continue;
    }
    if (name === '') continue;
    if (type === 'select') {
      for (const option of chosenOptions(control, state)) {
        if (!isOptionDisabled(option)) entries.push([name, optionValue(option)]);
      }
    } else if (type === 'checkbox' || type === 'radio') entries.push([name, attribute(control, 'value') ?? 'on']);
    else if (type === 'file') {
      const files = state.get(control)?.files ?? [];
      if (files.length === 0) entries.push([name, { name: '', content: '' }]);
      for (const file of files) entries.push([name, file]);
    } else if (type === 'hidden' && name.toLowerCase() === '_charset_') entries.push([name, canonicalName(charset)]);
    else entries.push([name, controlValue(control, state)]);
    const dirname = attribute(control, 'dirname');
    if (dirname !== null && dirname !== '' && HAS_DIRNAME.has(type))
      entries.push([dirname, directionality(control, state)]);
  }
  return entries;
}

const HAS_DIRNAME = new Set(['textarea', 'text', 'search', 'tel', 'url', 'email', 'hidden', 'password', 'submit']);

function isButton(control: Element): boolean {
  return (
    isHtml(control, 'button') ||
    (isHtml(control, 'input') && /^(?:submit|image|reset|button)$/.test(inputType(control)))
  );
}

function hasDatalist(control: Element): boolean {
  for (let node = parentElement(control); node !== null; node = parentElement(node))
    if (isHtml(node, 'datalist')) return true;
  return false;
}

/** Of several radio buttons that the page marks as checked, the last of the group is. */
function isOn(page: ParsedPage, control: Element, type: string, state: FormState): boolean {
  if (!isChecked(control, state)) return false;
  const name = attribute(control, 'name') ?? '';
  if (type !== 'radio' || name === '') return true;
  const owner = page.formOwner(control);
  const group =
    owner === null ? [] : page.controls(owner).filter((each) => isHtml(each, 'input') && inputType(each) === 'radio');
  return group.filter((each) => attribute(each, 'name') === name && isChecked(each, state)).at(-1) === control;
}

function isOptionDisabled(option: Element): boolean {
  if (attribute(option, 'disabled') !== null) return true;
  const parent = parentElement(option);
  return parent !== null && isHtml(parent, 'optgroup') && attribute(parent, 'disabled') !== null;
}

/** TextDecoder gives names in lower case; `_charset_` sends them as the Encoding standard spells them. */
function canonicalName(charset: string): string {
  if (/^(?:utf-8|gbk|euc-|iso-|koi8-|ibm)/.test(charset)) return charset.toUpperCase();
  return charset === 'shift_jis' ? 'Shift_JIS' : charset.replace(/^big5/, 'Big5');
}

/** HTML §3.2.6.4, by the nearest `dir` alone. */
function directionality(control: Element, state: FormState): 'ltr' | 'rtl' {
  for (let node: Element | null = control; node !== null; node = parentElement(node)) {
    const dir = (attribute(node, 'dir') ?? '').toLowerCase();
    if (dir === 'ltr' || dir === 'rtl') return dir;
    if (dir === 'auto')
      return /^[^\p{L}]*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u.test(
        controlValue(control, state),
      )
        ? 'rtl'
        : 'ltr';
    if (dir === '' && node === control && isHtml(node, 'input') && inputType(node) === 'tel') return 'ltr';
  }
  return 'ltr';
}

/** §4.10.21.4 and the conversions behind it: every lone CR or LF in a name or a text value is sent as CRLF. */
function normalizeEntry([name, value]: Entry): Entry {
  return [crlf(name), typeof value === 'string' ? crlf(value) : value];
}

function crlf(text: string): string {
  return text.replace(/\r\n?|\n/g, '\r\n');
}

function urlencode(entries: readonly Entry[], charset: string): string {
  return entries.map(([name, value]) => `${percent(name, charset)}=${percent(textOf(value), charset)}`).join('&');
}

function textOf(value: string | FileValue): string {
  return typeof value === 'string' ? value : value.name;
}

/** URL §1.3, the application/x-www-form-urlencoded percent-encode set. */
function percent(text: string, charset: string): string {
  let out = '';
  for (const byte of encodeText(text, charset)) {
    const char = String.fromCharCode(byte);
    if (byte === 0x20) out += '+';
    else if (/[\w*.-]/.test(char)) out += char;
    else out += percentByte(byte);
  }
  return out;
}

function encodeBody(enctype: Enctype, entries: readonly Entry[], charset: string, boundary: string) {
  switch (enctype) {
    case URLENCODED:
      return { body: Buffer.from(urlencode(entries, charset), 'latin1'), contentType: URLENCODED };
    case MULTIPART:
      return { body: multipart(entries, charset, boundary), contentType: `${MULTIPART}; boundary=${boundary}` };
    case PLAIN: {
      const lines = entries.map(([name, value]) => `${name}=${textOf(value)}\r\n`).join('');
      return { body: encodeText(lines, charset), contentType: PLAIN };
    }
  }
}

/** §4.10.21.8: names and file names escape only quotes and line ends; text parts have no Content-Type. */
function multipart(entries: readonly Entry[], charset: string, boundary: string): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of entries) {
    const disposition = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(name)}"`;
    if (typeof value === 'string') {
      parts.push(encodeText(`${disposition}\r\n\r\n`, charset), encodeText(value, charset), CRLF);
      continue;
    }
    const type = value.type === undefined || value.type === '' ? 'application/octet-stream' : value.type;
    parts.push(
      encodeText(`${disposition}; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`, charset),
    );
    parts.push(typeof value.content === 'string' ? Buffer.from(value.content, 'utf8') : value.content, CRLF);
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`, 'latin1'));
  return Buffer.concat(parts);
}

const CRLF = Buffer.from('\r\n', 'latin1');

function escapeName(name: string): string {
  return name.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}
