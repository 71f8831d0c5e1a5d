/**
 * What is wrong with a configuration, in words for the person who wrote it: one problem a fault, each with its place and,
 * where one can be guessed, a suggestion. Translates zod's issues; knows nothing of YAML but a function that finds places.
 */
import { z } from 'zod';
import { ProxyError } from '../errors.ts';
import { ConfigSchema } from './schema.ts';

export type KeyPath = ReadonlyArray<string | number>;

export interface Place {
  /** Counted from 1, as editors do. */
  readonly line: number;
  readonly column: number;
}

export interface ConfigProblem extends Place {
  readonly file: string;
  /** The key as `routes[0].path`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  /** What was probably meant, as a sentence; null when nothing comes near. */
  readonly suggestion: string | null;
}

/** CONFIG_INVALID with every problem of the file. */
export class ConfigError extends ProxyError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('CONFIG_INVALID', { detail: problems.map(problemLine).join('; ') });
    this.name = 'ConfigError';
    this.problems = problems;
  }

  /** All problems, one a line as `file:line:column: message`, without a final line end. */
  report(): string {
    return this.problems.map(problemLine).join('\n');
  }
}

/** `file:line:column: key: message (suggestion)`. */
export function problemLine(problem: ConfigProblem): string {
  const where = `${problem.file}:${problem.line}:${problem.column}`;
  const key = problem.path === '' ? '' : ` ${problem.path}:`;
  const suggestion = problem.suggestion === null ? '' : ` (${problem.suggestion})`;
  return `${where}:${key} ${problem.message}${suggestion}`;
}

/** Why a configuration was not taken, for `refuseReload`: its problems, or the fault that kept it from being put to work. */
export function reasonsOf(error: unknown): string[] {
  return error instanceof ConfigError ? error.problems.map(problemLine) : [String(error)];
}

/** `routes[0].session.name`. */
export function spellPath(path: KeyPath): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}

/** One fault before it has a place in the file; `at` names the key itself where the key is the fault, else its value. */
export interface Fault {
  readonly path: KeyPath;
  readonly at: 'key' | 'value';
  readonly message: string;
  readonly suggestion: string | null;
}

/** Every issue of zod as faults; `valueAt` gives the value that stands in the file. */
export function faultsOf(issues: readonly z.core.$ZodIssue[], valueAt: (path: KeyPath) => unknown): Fault[] {
  const faults = faultsWithin(issues, [], valueAt);
  // A value that breaks two rules of one meaning is told once: 1e99 is above the bound, and no safe integer either.
  const told = new Map(faults.map((fault) => [JSON.stringify([fault.path, fault.at, fault.message]), fault]));
  return [...told.values()];
}

/** Of a value of another kind nothing else is true: zod measures a list where a text is needed. */
function faultsWithin(
  issues: readonly z.core.$ZodIssue[],
  above: KeyPath,
  valueAt: (path: KeyPath) => unknown,
): Fault[] {
  const spell = ({ path }: z.core.$ZodIssue): string => JSON.stringify(path);
  const ofWrongKind = new Set(issues.filter(({ code }) => code === 'invalid_type').map(spell));
  return issues
    .filter((issue) => issue.code !== 'too_small' || !ofWrongKind.has(spell(issue)))
    .flatMap((issue) => faultsOfIssue(issue, above, valueAt));
}

function faultsOfIssue(issue: z.core.$ZodIssue, above: KeyPath, valueAt: (path: KeyPath) => unknown): Fault[] {
  // zod types a key as PropertyKey; the keys of a YAML map are texts and numbers.
  const path: KeyPath = [...above, ...(issue.path as Array<string | number>)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key',
        message: `unknown key "${key}"`,
        suggestion: suggestKey(path, key),
      }));
    case 'invalid_union': {
      const branch = branchMeant(issue.errors, valueAt(path));
      // No branch at all: the discriminator of a union (`kind`) has a value that none knows.
      if (branch.length === 0) {
        const suggestion = didYouMean(nearest(String(valueAt(path)), constantsAt(path)));
        return [{ path, at: 'value', message: issue.message, suggestion }];
      }
      const [first] = branch;
      if (first?.code === 'invalid_value' && first.path.length === 0)
        return [faultOfChoice(first.values, otherKinds(issue), path, valueAt(path))];
      return faultsWithin(branch, path, valueAt);
    }
    case 'invalid_value':
      return [faultOfChoice(issue.values, [], path, valueAt(path))];
    case 'invalid_type': {
      if (valueAt(path) === undefined) return [{ path, at: 'value', message: 'is missing', suggestion: null }];
      const isOwnWord = !issue.message.startsWith('Invalid input');
      const message = isOwnWord ? issue.message : `${YAML_WORDS[issue.expected] ?? issue.expected} is needed`;
      return [{ path, at: 'value', message, suggestion: null }];
    }
    case 'invalid_key':
      return faultsWithin(issue.issues, path, valueAt).map((inner) => ({ ...inner, at: 'key' }));
    case 'too_small':
    case 'too_big':
      return [{ path, at: 'value', message: wordsOfSize(issue), suggestion: null }];
    default:
      return [{ path, at: 'value', message: issue.message, suggestion: null }];
  }
}

/** A value that is none of those that may stand there; `kinds` are what else may. */
function faultOfChoice(
  values: readonly z.core.util.Primitive[],
  kinds: readonly string[],
  path: KeyPath,
  given: unknown,
): Fault {
  const choices = values.map(String);
  const message = given === undefined ? 'is missing' : `must be ${listOf([...choices, ...kinds])}`;
  return { path, at: 'value', message, suggestion: didYouMean(nearest(String(given), choices)) };
}

/** The schema's own words, where it has any. */
function wordsOfSize(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (!/^Too (?:small|big)/.test(issue.message)) return issue.message;
  if (issue.code === 'too_big') return `at most ${issue.maximum} characters are possible`;
  return issue.origin === 'array' ? 'a list of at least one is needed' : 'must not be empty';
}

const YAML_WORDS: Record<string, string> = {
  object: 'a map of keys and values',
  record: 'a map of keys and values',
  array: 'a list',
  string: 'a text',
  boolean: 'true or false',
  number: 'a number',
};

/** The branch of a union that the value was meant for: the first whose complaint is not the kind of the value itself. */
function branchMeant(branches: readonly (readonly z.core.$ZodIssue[])[], given: unknown): readonly z.core.$ZodIssue[] {
  // Of a map or a list a branch of texts says that it is none of them, not that it is no text.
  const isMapOrList = typeof given === 'object' && given !== null;
  const fits = branches.find(
    (issues) =>
      !issues.some(
        ({ code, path }) => path.length === 0 && (code === 'invalid_type' || (isMapOrList && code === 'invalid_value')),
      ),
  );
  return fits ?? branches[0] ?? [];
}

/** What the branches of a union take that want another kind of value. */
function otherKinds(issue: z.core.$ZodIssueInvalidUnion): string[] {
  return issue.errors.flat().flatMap((inner) => {
    const isOfKind = inner.code === 'invalid_type' && inner.path.length === 0;
    return isOfKind ? [YAML_WORDS[inner.expected] ?? inner.expected] : [];
  });
}

function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function didYouMean(word: string | null): string | null {
  return word === null ? null : `did you mean "${word}"?`;
}

/** The part of JSON Schema that key suggestions need. */
interface Shape {
  readonly properties?: Record<string, Shape>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly const?: unknown;
}

let rootShape: Shape | null = null;

/** A key of this place that is spelt alike, or the place where such a key belongs. */
function suggestKey(place: KeyPath, key: string): string | null {
  const keys = shapesAt(place).flatMap((shape) => [...propertiesOf(shape).keys()]);
  const bare = bareName(key);
  if (keys.includes(bare)) return didYouMean(bare);
  const near = nearest(bare, keys);
  if (near !== null) return didYouMean(near);
  const elsewhere = [...placesOf(rootOfSchema(), '', 0)].filter(([name]) => name === bare).map(([, where]) => where);
  return elsewhere.length === 0 ? null : `this key belongs under ${listOf([...new Set(elsewhere)])}`;
}

function rootOfSchema(): Shape {
  rootShape ??= z.toJSONSchema(ConfigSchema, { io: 'input' }) as Shape;
  return rootShape;
}

/** What the schema has at a place; several where a union allows it. */
function shapesAt(place: KeyPath): readonly Shape[] {
  return place.reduce<readonly Shape[]>(
    (shapes, part) => shapes.flatMap((shape) => step(shape, part)),
    [rootOfSchema()],
  );
}

/** The texts that may stand at a place, over all branches of the union above it. */
function constantsAt(place: KeyPath): string[] {
  const key = String(place.at(-1));
  return shapesAt(place.slice(0, -1))
    .flatMap((shape) => [...(shape.anyOf ?? []), ...(shape.oneOf ?? [])])
    .map((branch) => branch.properties?.[key]?.const)
    .filter((value) => typeof value === 'string');
}

/** PHP writes `session.use_trans_sid`, others `use-trans-sid` or `useTransSid`: what the key would be called here. */
function bareName(key: string): string {
  return key
    .replace(/^(session|url_rewriter)\./, (_, group: string) => (group === 'session' ? '' : 'url_rewriter_'))
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/[-.\s]/g, '_')
    .toLowerCase();
}

function propertiesOf(shape: Shape): Map<string, Shape> {
  const found = new Map(Object.entries(shape.properties ?? {}));
  for (const branch of [...(shape.anyOf ?? []), ...(shape.oneOf ?? [])]) {
    for (const [key, inner] of propertiesOf(branch)) found.set(key, inner);
  }
  return found;
}

function step(shape: Shape, part: string | number): Shape[] {
  if (typeof part === 'string') {
    const inner = propertiesOf(shape).get(part);
    return inner === undefined ? [] : [inner];
  }
  return [shape, ...(shape.anyOf ?? [])].flatMap((branch) => (branch.items === undefined ? [] : [branch.items]));
}

/** Every key of the schema with the place it stands in. The schema is three deep; 6 is beyond it. */
function* placesOf(shape: Shape, where: string, depth: number): Generator<[name: string, where: string]> {
  if (depth > 6) return;
  for (const [key, inner] of propertiesOf(shape)) {
    if (where !== '') yield [key, `"${where}"`];
    else yield [key, 'the top level'];
    const under = where === '' ? key : `${where}.${key}`;
    yield* placesOf(inner, under, depth + 1);
    for (const item of step(inner, 0)) yield* placesOf(item, under, depth + 1);
  }
}

/** The word that is at most a third of its letters away, null when none is. */
export function nearest(given: string, words: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const word of words) {
    const distance = editDistance(given.slice(0, 64), word);
    if (distance < bestDistance && distance <= Math.max(1, Math.floor(Math.max(word.length, given.length) / 3))) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours count 1 each. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      // Each index is within the rows built so far.
      let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}
