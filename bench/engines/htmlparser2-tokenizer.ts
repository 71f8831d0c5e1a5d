/** htmlparser2's Tokenizer with offsets, splicing into a latin1 string: the best of the packages on npm. */
import { Tokenizer } from 'htmlparser2';
import { HIDDEN, markText, URL_ATTRIBUTES } from '../marking-job.ts';

class Splicer {
  out = '';
  last = 0;
  private wanted: string | null = null;
  private isForm = false;
  private isHit = false;
  private start = -1;
  private end = -1;
  private readonly page: string;

  constructor(page: string) {
    this.page = page;
  }

  onopentagname(start: number, end: number): void {
    const length = end - start;
    this.isForm = false;
    this.wanted = null;
    if (length !== 1 && length !== 4 && length !== 5 && length !== 6) return;
    const name = this.page.slice(start, end).toLowerCase();
    this.isForm = name === 'form';
    this.wanted = URL_ATTRIBUTES[name] ?? null;
  }

  onattribname(start: number, end: number): void {
    const { wanted } = this;
    if (wanted === null || end - start !== wanted.length) return;
    this.isHit = this.page.slice(start, end).toLowerCase() === wanted;
    this.start = -1;
  }

  onattribdata(start: number, end: number): void {
    if (!this.isHit || this.start >= 0) return;
    this.start = start;
    this.end = end;
  }

  onattribend(): void {
    if (!this.isHit) return;
    this.isHit = false;
    this.wanted = null;
    if (this.start < 0) return;
    const marked = markText(this.page.slice(this.start, this.end));
    if (marked === null) return;
    this.out += this.page.slice(this.last, this.start) + marked;
    this.last = this.end;
  }

  onopentagend(end: number): void {
    if (!this.isForm) return;
    this.isForm = false;
    this.out += this.page.slice(this.last, end + 1) + HIDDEN;
    this.last = end + 1;
  }

  onselfclosingtag(end: number): void {
    this.onopentagend(end);
  }

  isInForeignContext(): boolean {
    return false;
  }

  onattribentity(): void {}
  oncdata(): void {}
  onclosetag(): void {}
  oncomment(): void {}
  ondeclaration(): void {}
  onend(): void {}
  onprocessinginstruction(): void {}
  ontext(): void {}
  ontextentity(): void {}
}

export function rewrite(chunks: readonly Buffer[]): Buffer[] {
  const page = (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('latin1');
  const splicer = new Splicer(page);
  const tokenizer = new Tokenizer({ xmlMode: false, decodeEntities: false }, splicer);
  tokenizer.write(page);
  tokenizer.end();
  return [Buffer.from(splicer.out + page.slice(splicer.last), 'latin1')];
}
