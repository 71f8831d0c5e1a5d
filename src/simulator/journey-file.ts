/**
 * The text form of a journey: parsed YAML or JSON in, a Journey out, or a fault that names the step and what was meant.
 */
import type { Fields, FieldValue } from './controls.ts';
import { SimulatorError, suggest } from './fault.ts';
import type { Expectation, Journey, Step } from './journey.ts';
import type { LinkTarget } from './links.ts';

/**
 * Read a journey from parsed YAML or JSON: a list of steps, or `{ name, start, steps }`.
 * @throws SimulatorError BAD_JOURNEY naming the step and the key.
 */
export function readJourney(value: unknown, name: string): Journey {
  const top = Array.isArray(value) ? { steps: value as unknown[] } : value;
  if (!isRecord(top) || !Array.isArray(top['steps']))
    throw bad(name, 'a journey is a list of steps, or has a list `steps`');
  for (const key of Object.keys(top)) {
    if (!['name', 'start', 'steps'].includes(key))
      throw bad(name, `unknown key '${key}'${suggest(key, ['name', 'start', 'steps'])}`);
  }
  const steps = (top['steps'] as unknown[]).map((step, index) => readStep(step, `${name}, step ${index + 1}`));
  if (steps.length === 0) throw bad(name, 'there are no steps');
  const start = top['start'];
  if (start !== undefined && typeof start !== 'string') throw bad(name, '`start` is a URL');
  if (start !== undefined) address(start, name, 'start');
  if (start !== undefined && !(/^https?:\/\//i.test(start) && URL.canParse(start)))
    throw bad(name, `\`start\` is a URL with http:// or https://, not '${start}'`);
  return { name: typeof top['name'] === 'string' ? top['name'] : name, start: start ?? null, steps };
}

const ACTIONS = [
  'open',
  'go',
  'follow',
  'fill',
  'submit',
  'upload',
  'expect',
  'frame',
  'back',
  'forward',
  'reload',
  'restart',
  'top',
] as const;

function readStep(value: unknown, where: string): Step {
  if (typeof value === 'string') return readAction(value, null, where);
  if (!isRecord(value)) throw bad(where, 'a step is `action: argument`');
  const keys = Object.keys(value);
  const [key] = keys;
  if (key === undefined || keys.length !== 1)
    throw bad(where, `a step has one action, not ${keys.length === 0 ? 'none' : keys.join(' and ')}`);
  return readAction(key, value[key], where);
}

function readAction(name: string, argument: unknown, where: string): Step {
  const action = ACTIONS.find((each) => each === name);
  switch (action) {
    case undefined:
      throw bad(where, `unknown action '${name}'${suggest(name, ACTIONS)}`);
    case 'open':
    case 'go':
      return { action, url: address(argument, where, action) };
    case 'frame':
      return { action, name: text(argument, where, action) };
    case 'follow':
      return { action, link: readLink(argument, where) };
    case 'fill':
      return { action, fields: readFields(argument, where) };
    case 'submit':
      return { action, ...readSubmit(argument, where) };
    case 'upload': {
      const files = Object.entries(isRecord(argument) ? argument : {}).map(
        ([field, path]) => [field, text(path, where, action)] as const,
      );
      if (files.length === 0) throw bad(where, '`upload` names a file for each field');
      return { action, files: Object.fromEntries(files) };
    }
    case 'expect':
      return { action, expectation: readExpectation(argument, where) };
    default:
      return { action };
  }
}

/** Reports name it as it stands here. */
function address(argument: unknown, where: string, key: string): string {
  const url = text(argument, where, key);
  const { username = '', password = '' } = URL.canParse(url) ? new URL(url) : {};
  if (username === '' && password === '') return url;
  throw bad(where, 'user and password belong into the URL that `transid simulate` is given, not into the journey');
}

function readLink(argument: unknown, where: string): LinkTarget {
  if (!isRecord(argument)) return text(argument, where, 'follow');
  const entries = Object.entries(argument).map(([key, value]) => {
    if (!['selector', 'text', 'href'].includes(key))
      throw bad(where, `unknown key '${key}'${suggest(key, ['selector', 'text', 'href'])}`);
    return [key, text(value, where, key)] as const;
  });
  if (entries.length === 0) throw bad(where, '`follow` says which link');
  return Object.fromEntries(entries);
}

function readSubmit(argument: unknown, where: string) {
  if (argument === null || argument === undefined || argument === true) return { button: null, form: null, fields: {} };
  if (!isRecord(argument)) return { button: text(argument, where, 'submit'), form: null, fields: {} };
  for (const key of Object.keys(argument)) {
    if (!['button', 'form', 'fields'].includes(key))
      throw bad(where, `unknown key '${key}'${suggest(key, ['button', 'form', 'fields'])}`);
  }
  const { button, form, fields } = argument;
  return {
    button: button === undefined ? null : text(button, where, 'button'),
    form: form === undefined ? null : text(form, where, 'form'),
    fields: fields === undefined ? {} : readFields(fields, where),
  };
}

function readFields(argument: unknown, where: string): Fields {
  if (!isRecord(argument)) throw bad(where, 'fields are `name: value`');
  const entries = Object.entries(argument).map(([name, value]): [string, FieldValue] => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [name, value];
    if (Array.isArray(value)) return [name, value.map(String)];
    throw bad(where, `field '${name}' is a text, a number, true, false or a list`);
  });
  return Object.fromEntries(entries);
}

const EXPECTATIONS = ['text', 'no_text', 'status', 'url', 'selector', 'no_selector', 'title'];

function readExpectation(argument: unknown, where: string): Expectation {
  if (typeof argument === 'string' && argument !== '') return { text: [argument] };
  if (!isRecord(argument) || Object.keys(argument).length === 0) throw bad(where, '`expect` says what must be seen');
  for (const key of Object.keys(argument)) {
    if (!EXPECTATIONS.includes(key)) throw bad(where, `unknown key '${key}'${suggest(key, EXPECTATIONS)}`);
  }
  const many = (key: string): string[] | null => {
    const value = argument[key];
    if (value === undefined) return null;
    const texts = (Array.isArray(value) ? value : [value]).map((each) => text(each, where, key));
    // Every page has an empty text: such a step would expect nothing.
    if (texts.length === 0 || texts.includes('')) throw bad(where, `\`${key}\` says what it expects`);
    return texts;
  };
  const status = argument['status'];
  if (status !== undefined && typeof status !== 'number') throw bad(where, '`status` is a number');
  const found = {
    text: many('text'),
    noText: many('no_text'),
    selector: many('selector'),
    noSelector: many('no_selector'),
  };
  return {
    ...(status === undefined ? {} : { status }),
    ...(argument['url'] === undefined ? {} : { url: text(argument['url'], where, 'url') }),
    ...(argument['title'] === undefined ? {} : { title: text(argument['title'], where, 'title') }),
    ...Object.fromEntries(Object.entries(found).filter(([, value]) => value !== null)),
  };
}

function text(value: unknown, where: string, key: string): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw bad(where, `\`${key}\` is a text`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(where: string, why: string): SimulatorError {
  return new SimulatorError('BAD_JOURNEY', `${where}: ${why}`);
}
