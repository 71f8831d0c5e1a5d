/** URLs of one document: alike but for the fragment. Pure. */

export function isSameDocument(a: string, b: string): boolean {
  return a.split('#')[0] === b.split('#')[0];
}

/** HTML §7.4.2.2: only when the new URL has a fragment is it a move within the document. */
export function isFragmentMove(from: string, to: string): boolean {
  return to.includes('#') && isSameDocument(from, to);
}
