/** Finding forms, controls and buttons by what a tester calls them, and filling them in as a person would. */
import { readable } from './blanks.ts';
import { SimulatorError, suggest } from './fault.ts';
import {
  buttonLabel,
  type ControlState,
  type FileValue,
  type FormState,
  inputType,
  isDisabled,
  isSubmitButton,
  optionsOf,
  optionValue,
} from './form.ts';
import { labelOf, type ParsedPage, parentElement, rawText } from './page.ts';
import { compileSelector } from './select.ts';
import { attribute, type Element, isHtml } from './tree.ts';

export type FieldValue = string | number | boolean | readonly string[] | FileValue | readonly FileValue[];
export type Fields = Readonly<Record<string, FieldValue>>;

export interface FormChoice {
  /** Selector, `name` or `id` of the form. */
  readonly form?: string;
  /** Label, `name`, `id` or selector of the button. */
  readonly button?: string;
}

/**
 * The form that is meant: the named one, else the only one that has all the fields and the button.
 * @throws SimulatorError NO_FORM, NO_FIELD, NO_BUTTON, or AMBIGUOUS when several forms fit equally.
 */
export function chooseForm(page: ParsedPage, fields: Fields, choice: FormChoice): Element {
  if (choice.form !== undefined) return namedForm(page, choice.form);
  if (page.forms.length === 0) throw new SimulatorError('NO_FORM', `no form on ${page.url}`);
  const names = Object.keys(fields);
  const fitting = page.forms.filter((form) => names.every((name) => findControls(page, form, name).length > 0));
  if (fitting.length === 0) {
    const missing =
      names.find((name) => page.forms.every((form) => findControls(page, form, name).length === 0)) ?? names[0] ?? '';
    throw new SimulatorError(
      'NO_FIELD',
      `no field '${missing}'${suggest(
        missing,
        page.forms.flatMap((form) => fieldNames(page, form)),
      )}`,
    );
  }
  // Of two forms with a field of that name, a file is for the one that takes files, and text for the other.
  const alike = fitting.filter((form) =>
    names.every((name) => takesKind(findControls(page, form, name), fields[name])),
  );
  const able = alike.length > 0 ? alike : fitting;
  const button = choice.button;
  const withButton = button === undefined ? able : able.filter((form) => findButton(page, form, button) !== null);
  if (withButton.length === 0 && button !== undefined) throw noButton(page, able, button);
  if (withButton.length > 1 && names.length === 0 && button === undefined) {
    throw new SimulatorError(
      'AMBIGUOUS',
      `${withButton.length} forms on ${page.url}: say which${suggest('', withButton.map(formName))}`,
    );
  }
  return withButton[0]!;
}

/** The button that is pressed: the named one, else the default button (§4.10.21.2), else null. */
export function chooseButton(page: ParsedPage, form: Element, button: string | undefined): Element | null {
  if (button === undefined) {
    const first = buttonsOf(page, form)[0] ?? null;
    if (first !== null && isDisabled(first))
      throw new SimulatorError('NO_BUTTON', `the button '${buttonLabel(first)}' is disabled`);
    return first;
  }
  const found = findButton(page, form, button);
  if (found === null) throw noButton(page, [form], button);
  if (isDisabled(found)) throw new SimulatorError('NO_BUTTON', `the button '${button}' is disabled`);
  return found;
}

/**
 * The state after the fields were filled in. Controls are named by `name`, else `id`, label or placeholder.
 * @throws SimulatorError NO_FIELD or NO_OPTION with the nearest candidates.
 */
export function fillIn(page: ParsedPage, form: Element, before: FormState, fields: Fields): FormState {
  const state = new Map(before);
  for (const [name, value] of Object.entries(fields)) {
    const controls = findControls(page, form, name);
    if (controls.length === 0)
      throw new SimulatorError('NO_FIELD', `no field '${name}'${suggest(name, fieldNames(page, form))}`);
    fillOne(page, form, state, controls, name, value);
  }
  return state;
}

/** The controls of a form that are called `name`; all of one name for boxes, radio buttons and repeated fields. */
export function findControls(page: ParsedPage, form: Element, name: string): Element[] {
  const controls = page.controls(form).filter(isField);
  const byName = controls.filter((control) => attribute(control, 'name') === name);
  if (byName.length > 0) return byName;
  const wanted = name.toLowerCase();
  const other = controls.find(
    (control) =>
      attribute(control, 'id') === name ||
      labelsOf(page, control).some((label) => label.toLowerCase() === wanted) ||
      attribute(control, 'placeholder')?.trim().toLowerCase() === wanted,
  );
  return other === undefined ? [] : [other];
}

// ---------------------------------------------------------------------------------------------------------------------

function namedForm(page: ParsedPage, wanted: string): Element {
  const named = page.forms.find((form) => attribute(form, 'id') === wanted || attribute(form, 'name') === wanted);
  if (named !== undefined) return named;
  // Not a name: perhaps a selector. A word that cannot be one is a wrong name.
  try {
    const selector = compileSelector(wanted);
    const found = page.forms.find((form) => selector(form));
    if (found !== undefined) return found;
  } catch (error) {
    if (!(error instanceof SimulatorError)) throw error;
  }
  throw new SimulatorError('NO_FORM', `no form '${wanted}'${suggest(wanted, page.forms.map(formName))}`);
}

function formName(form: Element): string {
  return attribute(form, 'id') ?? attribute(form, 'name') ?? `form[action="${attribute(form, 'action') ?? ''}"]`;
}

function fieldNames(page: ParsedPage, form: Element): string[] {
  return page
    .controls(form)
    .filter(isField)
    .map((control) => attribute(control, 'name') ?? '');
}

function buttonsOf(page: ParsedPage, form: Element): Element[] {
  return page.controls(form).filter(isSubmitButton);
}

function findButton(page: ParsedPage, form: Element, wanted: string): Element | null {
  const buttons = buttonsOf(page, form);
  const lower = wanted.toLowerCase();
  const named = (match: (button: Element) => boolean): Element | undefined => buttons.find(match);
  return (
    named((button) => buttonLabel(button) === wanted) ??
    named((button) => buttonLabel(button).toLowerCase() === lower) ??
    named((button) => attribute(button, 'name') === wanted || attribute(button, 'id') === wanted) ??
    named((button) => attribute(button, 'value') === wanted) ??
    bySelector(buttons, wanted)
  );
}

function bySelector(elements: readonly Element[], selector: string): Element | null {
  if (!/[[#.:>]/.test(selector)) return null;
  const test = compileSelector(selector);
  return elements.find((element) => test(element)) ?? null;
}

function noButton(page: ParsedPage, forms: readonly Element[], wanted: string): SimulatorError {
  const labels = forms.flatMap((form) => buttonsOf(page, form).map(buttonLabel));
  return new SimulatorError('NO_BUTTON', `no button '${wanted}'${suggest(wanted, labels)}`);
}

function isField(control: Element): boolean {
  if (isHtml(control, 'select') || isHtml(control, 'textarea')) return true;
  return isHtml(control, 'input') && !['submit', 'image', 'reset', 'button'].includes(inputType(control));
}

function labelsOf(page: ParsedPage, control: Element): string[] {
  const labels: string[] = [];
  const id = attribute(control, 'id');
  for (const element of page.elements()) {
    if (!isHtml(element, 'label')) continue;
    const isFor = attribute(element, 'for');
    if (isFor !== null ? isFor === id : isInside(control, element)) labels.push(labelOf(element).replace(/\s*:$/, ''));
  }
  return labels;
}

function isInside(element: Element, container: Element): boolean {
  for (let node: Element | null = element; node !== null; node = parentElement(node))
    if (node === container) return true;
  return false;
}

function fillOne(
  page: ParsedPage,
  form: Element,
  state: Map<Element, ControlState>,
  controls: Element[],
  name: string,
  value: FieldValue,
): void {
  const first = controls[0]!;
  const type = isHtml(first, 'input') ? inputType(first) : first.tagName;
  if (type === 'checkbox') checkBoxes(page, state, controls, name, value);
  else if (type === 'radio') pressRadio(page, form, state, controls, name, value);
  else if (type === 'select') selectOptions(state, first, name, value);
  else if (type === 'file') chooseFile(state, first, name, value);
  else typeText(state, controls, name, value);
}

function chooseFile(state: Map<Element, ControlState>, control: Element, name: string, value: FieldValue): void {
  const files = filesOf(value);
  if (files.length === 0) throw new SimulatorError('NO_FIELD', `field '${name}' takes a file`);
  // The same field may have been given by its id or label, too.
  const before = state.get(control)?.files ?? [];
  state.set(control, { files: attribute(control, 'multiple') === null ? files.slice(-1) : [...before, ...files] });
}

function takesKind([first]: readonly Element[], value: FieldValue | undefined): boolean {
  return (first !== undefined && isHtml(first, 'input') && inputType(first) === 'file') === filesOf(value).length > 0;
}

/** One more file for a field; one that is not `multiple` has the last. */
export function withFile(before: FieldValue | undefined, file: FileValue): readonly FileValue[] {
  return [...filesOf(before), file];
}

function filesOf(value: FieldValue | undefined): FileValue[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((each): each is FileValue => typeof each === 'object' && each !== null && 'content' in each);
}

/** Several values go to the controls of this name in page order. */
function typeText(state: Map<Element, ControlState>, controls: Element[], name: string, value: FieldValue): void {
  const values = textsOf(value, name);
  if (values.length > controls.length) {
    throw new SimulatorError('NO_FIELD', `field '${name}' stands ${controls.length} times, not ${values.length}`);
  }
  for (const [index, each] of values.entries()) state.set(controls[index]!, { value: each });
}

function textsOf(value: FieldValue, name: string): string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (all.some((each) => typeof each === 'object'))
    throw new SimulatorError('NO_FIELD', `field '${name}' takes no file`);
  return all.map(String);
}

function checkBoxes(
  page: ParsedPage,
  state: Map<Element, ControlState>,
  boxes: Element[],
  name: string,
  value: FieldValue,
): void {
  if (typeof value === 'boolean') {
    for (const box of boxes) state.set(box, { checked: value });
    return;
  }
  const wanted = new Set(textsOf(value, name));
  const named = boxes.map((box) => ({ box, names: [attribute(box, 'value') ?? 'on', ...labelsOf(page, box)] }));
  for (const each of wanted) {
    if (!named.some(({ names }) => names.includes(each)))
      throw noOption(
        name,
        each,
        named.flatMap(({ names }) => names),
      );
  }
  for (const { box, names } of named) state.set(box, { checked: names.some((each) => wanted.has(each)) });
}

function pressRadio(
  page: ParsedPage,
  form: Element,
  state: Map<Element, ControlState>,
  radios: Element[],
  name: string,
  value: FieldValue,
): void {
  const wanted = value === true ? (attribute(radios[0]!, 'value') ?? 'on') : (textsOf(value, name)[0] ?? '');
  const group = attribute(radios[0]!, 'name');
  const all = group === null ? radios : findControls(page, form, group);
  const names = (radio: Element): string[] => [attribute(radio, 'value') ?? 'on', ...labelsOf(page, radio)];
  const pressed = all.find((radio) => names(radio).includes(wanted));
  if (pressed === undefined) throw noOption(name, wanted, all.flatMap(names));
  for (const radio of all) state.set(radio, { checked: radio === pressed });
}

function selectOptions(state: Map<Element, ControlState>, select: Element, name: string, value: FieldValue): void {
  const options = optionsOf(select);
  const isMultiple = attribute(select, 'multiple') !== null;
  const wanted = textsOf(value, name);
  if (!isMultiple && wanted.length !== 1)
    throw new SimulatorError('NO_OPTION', `field '${name}' takes one option, not ${wanted.length}`);
  const chosen = wanted.map((each) => {
    const label = (option: Element): string => readable(attribute(option, 'label') || rawText(option));
    const option = options.find((one) => optionValue(one) === each) ?? options.find((one) => label(one) === each);
    if (option === undefined) throw noOption(name, each, options.map(label));
    return option;
  });
  state.set(select, { options: new Set(chosen) });
}

function noOption(name: string, wanted: string, candidates: string[]): SimulatorError {
  return new SimulatorError('NO_OPTION', `field '${name}' has no option '${wanted}'${suggest(wanted, candidates)}`);
}
