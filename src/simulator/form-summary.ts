/** What a form asks and where it goes, for people and tests. Pure. */
import { findControls } from './controls.ts';
import { actionUrl, buttonLabel, isSubmitButton } from './form.ts';
import type { ParsedPage } from './page.ts';
import { attribute, type Element } from './tree.ts';

export interface FormSummary {
  readonly element: Element;
  readonly method: string;
  /** Resolved; the page's own URL for an empty action. */
  readonly url: string | null;
  readonly fields: readonly string[];
  readonly buttons: readonly string[];
}

/** `url` is the shown URL of the page, where a form without action goes. */
export function summary(page: ParsedPage, form: Element, url: string): FormSummary {
  const controls = page.controls(form);
  const names = controls
    .filter((control) => !isSubmitButton(control))
    .map((control) => attribute(control, 'name') ?? '');
  return {
    element: form,
    method: (attribute(form, 'method') ?? 'get').toLowerCase(),
    url: actionUrl(page, attribute(form, 'action'), url),
    fields: [...new Set(names)].filter((name) => name !== '' && findControls(page, form, name).length > 0),
    buttons: controls.filter(isSubmitButton).map(buttonLabel),
  };
}
