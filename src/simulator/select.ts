/**
 * CSS selectors, as far as a tester's marker or step needs them (Selectors Level 4, a part):
 * type, `*`, `#id`, `.class`, `[attr]` with `=`, `~=`, `|=`, `^=`, `$=`, `*=` and the flag `i`, `:not()`, `:first-child`,
 * `:last-child`, `:nth-child(n)`, `:checked`, `:contains("text")` (not of the standard), the four combinators and lists.
 */
import { collapse } from './blanks.ts';
import { SimulatorError } from './fault.ts';
import { rawText } from './page.ts';
import { attribute, type Element, isElement } from './tree.ts';

type Test = (element: Element) => boolean;
type Combinator = ' ' | '>' | '+' | '~';
interface Step {
  /** How this compound follows the one before it; ' ' for the first. */
  readonly combinator: Combinator;
  readonly tests: readonly Test[];
}
export type Selector = (element: Element) => boolean;

/** @throws SimulatorError BAD_SELECTOR with the place where reading stopped. */
export function compileSelector(text: string): Selector {
  const reader = new Reader(text);
  const alternatives = readList(reader);
  reader.space();
  if (!reader.done) throw reader.fault();
  return (element) => alternatives.some((steps) => matches(element, steps, steps.length - 1));
}

function readList(reader: Reader): Step[][] {
  const list = [readComplex(reader)];
  while (reader.take(/\s*,\s*/y) !== null) list.push(readComplex(reader));
  return list;
}

function readComplex(reader: Reader): Step[] {
  reader.space();
  const steps: Step[] = [{ combinator: ' ', tests: readCompound(reader) }];
  for (;;) {
    const combinator = reader.take(/\s*([>+~])\s*|\s+(?![,)]|$)/y);
    if (combinator === null) return steps;
    steps.push({ combinator: (combinator[1] as Combinator | undefined) ?? ' ', tests: readCompound(reader) });
  }
}

const NAME = '(-?(?:[A-Za-z_\\u0080-\\uffff]|\\\\.)(?:[\\w\\u0080-\\uffff-]|\\\\.)*)';
const TYPE = new RegExp(`${NAME}|\\*`, 'y');
const ID = new RegExp(`#${NAME}`, 'y');
const CLASS = new RegExp(`\\.${NAME}`, 'y');
const ATTRIBUTE = new RegExp(
  `\\[\\s*${NAME}\\s*(?:([~|^$*]?=)\\s*(?:"([^"]*)"|'([^']*)'|${NAME}|(\\d[\\w-]*))\\s*([iIsS])?\\s*)?\\]`,
  'y',
);
const PSEUDO = new RegExp(`:${NAME}(\\()?`, 'y');

function readCompound(reader: Reader): Test[] {
  const tests: Test[] = [];
  const type = reader.take(TYPE);
  if (type !== null) {
    const name = unescaped(type[1]);
    tests.push((element) => type[0] === '*' || element.tagName.toLowerCase() === name.toLowerCase());
  }
  for (;;) {
    const test = readSimple(reader);
    if (test === null) break;
    tests.push(test);
  }
  if (tests.length === 0) throw reader.fault();
  return tests;
}

function readSimple(reader: Reader): Test | null {
  const id = reader.take(ID);
  if (id !== null) return (element) => attribute(element, 'id') === unescaped(id[1]);
  const className = reader.take(CLASS);
  if (className !== null) return (element) => words(attribute(element, 'class')).includes(unescaped(className[1]));
  const attr = reader.take(ATTRIBUTE);
  if (attr !== null)
    return attributeTest(unescaped(attr[1]), attr[2], attr[3] ?? attr[4] ?? attr[5] ?? attr[6] ?? '', attr[7]);
  const pseudo = reader.take(PSEUDO);
  return pseudo === null ? null : readPseudo(reader, (pseudo[1] ?? '').toLowerCase(), pseudo[2] !== undefined);
}

function attributeTest(name: string, operator: string | undefined, wanted: string, flag: string | undefined): Test {
  const fold = (value: string): string => (flag?.toLowerCase() === 'i' ? value.toLowerCase() : value);
  const want = fold(wanted);
  return (element) => {
    const raw = attribute(element, name.toLowerCase()) ?? attribute(element, name);
    if (raw === null) return false;
    const value = fold(raw);
    switch (operator) {
      case undefined:
        return true;
      case '=':
        return value === want;
      case '~=':
        return want !== '' && words(value).includes(want);
      case '|=':
        return value === want || value.startsWith(`${want}-`);
      case '^=':
        return want !== '' && value.startsWith(want);
      case '$=':
        return want !== '' && value.endsWith(want);
      default:
        return want !== '' && value.includes(want);
    }
  };
}

function readPseudo(reader: Reader, name: string, hasArgument: boolean): Test {
  if (!hasArgument) {
    if (name === 'first-child') return (element) => siblings(element)[0] === element;
    if (name === 'last-child') return (element) => siblings(element).at(-1) === element;
    if (name === 'checked')
      return (element) => attribute(element, 'checked') !== null || attribute(element, 'selected') !== null;
    throw reader.fault();
  }
  if (name === 'not') {
    const inner = readList(reader);
    if (reader.take(/\s*\)/y) === null) throw reader.fault();
    return (element) => !inner.some((steps) => matches(element, steps, steps.length - 1));
  }
  const argument = reader.take(/\s*(?:"([^"]*)"|'([^']*)'|([^)]*?))\s*\)/y);
  const value = argument?.[1] ?? argument?.[2] ?? argument?.[3] ?? null;
  if (value !== null && name === 'contains') return (element) => collapse(rawText(element)).includes(value);
  if (value !== null && name === 'nth-child' && /^[1-9]\d*$/.test(value)) {
    return (element) => siblings(element)[Number(value) - 1] === element;
  }
  throw reader.fault();
}

function matches(element: Element, steps: readonly Step[], index: number): boolean {
  const step = steps[index];
  if (step === undefined) return true;
  if (!step.tests.every((test) => test(element))) return false;
  if (index === 0) return true;
  switch (step.combinator) {
    case '>':
      return some(parentOf(element), () => null, steps, index);
    case ' ':
      return some(parentOf(element), parentOf, steps, index);
    case '+':
      return some(previous(element), () => null, steps, index);
    case '~':
      return some(previous(element), previous, steps, index);
  }
}

function some(
  first: Element | null,
  next: (e: Element) => Element | null,
  steps: readonly Step[],
  index: number,
): boolean {
  for (let at = first; at !== null; at = next(at)) if (matches(at, steps, index - 1)) return true;
  return false;
}

function parentOf(element: Element): Element | null {
  const parent = element.parentNode;
  return parent !== null && isElement(parent) ? parent : null;
}

function siblings(element: Element): Element[] {
  return element.parentNode?.childNodes.filter(isElement) ?? [];
}

function previous(element: Element): Element | null {
  const all = siblings(element);
  return all[all.indexOf(element) - 1] ?? null;
}

function words(value: string | null): string[] {
  return value === null ? [] : value.split(/[\t\n\f\r ]+/).filter((word) => word !== '');
}

function unescaped(name: string | undefined): string {
  return (name ?? '').replace(/\\(.)/g, '$1');
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** What a sticky expression finds here, or null with the place unchanged. */
  take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text);
    if (found !== null) this.#at = expression.lastIndex;
    return found;
  }

  space(): void {
    this.take(/\s*/y);
  }

  fault(): SimulatorError {
    return new SimulatorError('BAD_SELECTOR', `selector '${this.#text}' cannot be read at character ${this.#at + 1}`);
  }
}
