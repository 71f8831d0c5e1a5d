/**
 * Spellings of a protected path, and model backends that read paths as servers have been seen to. Written from scratch: they
 * share no code with the policy that they test.
 */
import fc from 'fast-check';

// ---------------------------------------------------------------------------------------------------- model backends

export type Backend = (target: string) => string;

const decode = (text: string): string =>
  text.replace(/%[0-9a-f]{2}/gi, (triple) => String.fromCharCode(Number.parseInt(triple.slice(1), 16)));

function dots(path: string): string {
  const out: string[] = [];
  const parts = path.split('/').slice(1);
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    if (part === '.' || part === '..') {
      if (part === '..') out.pop();
      if (isLast) out.push('');
    } else {
      out.push(part);
    }
  }
  return `/${out.join('/')}`;
}

function byUrlParser(target: string): string {
  try {
    return new URL(target, 'http://host').pathname;
  } catch {
    return target;
  }
}

export const BACKENDS: Readonly<Record<string, Backend>> = {
  raw: (target) => target,
  'decodes once': (target) => dots(decode(target)),
  'decodes twice': (target) => dots(decode(dots(decode(target)))),
  'takes a backslash for a slash, ignores case, drops final dots': (target) => {
    const path = dots(decode(target).split('\0')[0]!.replaceAll('\\', '/'));
    return path
      .split('/')
      .map((part) => part.replace(/[. ]{1,64}$/, ''))
      .join('/')
      .toLowerCase();
  },
  'drops ;params, then decodes, then dots': (target) =>
    dots(
      decode(
        target
          .split('/')
          .map((part) => part.split(';')[0])
          .join('/'),
      ),
    ),
  'takes bytes for Latin-1, and accents for none': (target) =>
    dots(decode(target))
      .replace(/[\xe0-\xe5]/g, 'a')
      .replace(/[\xec-\xef]/g, 'i'),
  'resolves by the URL parser': (target) => byUrlParser(target),
  'decodes, then resolves by the URL parser': (target) => byUrlParser(decode(target)),
  'looks behind its front controller': (target) => dots(decode(target)).replace(/^\/index\.php(?=\/)/, ''),
  'takes a suffix for a format': (target) => dots(decode(target)).replace(/\.[^/.]+$/, ''),
  'cuts at the first parameter': (target) => dots(decode(target.split(';')[0]!)),
  'takes + for a blank, trims names, ignores controls': (target) =>
    dots(
      decode(target)
        .replaceAll('+', ' ')
        .replace(/[\x00-\x1f]/g, '')
        .split('/')
        .map((part) => part.trim())
        .join('/'),
    ),
  'merges slashes and dots': (target) => dots(decode(target).split(/\/+/).join('/')),
};

/** Does a backend that resolved the path so serve something protected? */
export const isAdmin = (path: string): boolean => path === '/admin' || path.startsWith('/admin/');

// -------------------------------------------------------------------------------------------------------- spellings

const hex = (char: string, upper: boolean): string => {
  const digits = char.charCodeAt(0).toString(16).padStart(2, '0');
  return `%${upper ? digits.toUpperCase() : digits}`;
};

/** One way to write a character that some backend may undo. */
const spelling = fc.record({ how: fc.integer({ min: 0, max: 11 }), upper: fc.boolean() });

function spell(char: string, { how, upper }: { how: number; upper: boolean }): string {
  switch (how) {
    case 0:
      return hex(char, upper);
    case 1:
      return hex('%', upper) + hex(char, upper).slice(1);
    case 2:
      return upper ? char.toUpperCase() : char;
    case 3:
      return char === '/' ? '\\' : char;
    case 4:
      return char === '/' ? '//' : char;
    case 5:
      return char === '/' ? '/./' : char;
    case 6:
      return char === '/' ? (upper ? '/%2e/' : '/%252e%2f') : char;
    case 7:
      return char === 'a' || char === 'i' ? hex(char === 'a' ? '\xe1' : '\xed', upper) : char;
    default:
      return char;
  }
}

const suffix = fc.constantFrom(
  '',
  '/',
  ';a=b',
  ';',
  '/users',
  '%2fusers',
  '\\users',
  '%00',
  '%00.css',
  '.',
  '%20',
  '+',
  '.json',
  '%2ehtml',
  '%01',
  '//',
  '/.',
  '/x/..',
  ';x/y',
  '%5c..\\admin',
);
const prefix = fc.constantFrom(
  '',
  '/public/..',
  '/public/%2e%2e',
  '/public/..;',
  '/a/b/../..',
  '/public\\..',
  '/.',
  '/%2e',
  '/;',
  '/;x=1',
  '/public%2f..',
  '/x/%252e%252e',
  '/public/.%2e',
  '/..',
  '/admin/..',
  '/a//..',
  '/public/..%20',
);

/** A spelling of /admin, or of something near, that at least some backend takes for it. */
export const protectedSpelling = fc
  .record({
    prefix,
    suffix,
    letters: fc.array(spelling, { minLength: 6, maxLength: 6 }),
    noise: fc.array(spelling, { maxLength: 24 }),
  })
  .map(({ prefix, suffix, letters, noise }) => {
    const body = [...'/admin'].map((char, i) => spell(char, letters[i]!)).join('');
    const before = [...prefix].map((char, i) => (noise[i] === undefined ? char : spell(char, noise[i]))).join('');
    return `${before}${body}${suffix}`;
  });

const word = fc.constantFrom(
  'shop',
  'cart',
  'index.php',
  'a.b.css',
  'administrator',
  'Admins',
  'x-y_z~',
  '.well-known',
  'caf%C3%A9',
  'a%20b',
  '%E3%83%A1',
  'v1.2',
  'item,3',
  '100%25',
  'badmin',
  'p;jsessionid=A1',
  'Special:Login',
  '(x)',
);
/** Paths as sites have them; none is /admin to anybody. */
export const ordinaryPath = fc
  .record({ words: fc.array(word, { maxLength: 6 }), isFolder: fc.boolean() })
  .map(({ words, isFolder }) => `/${words.join('/')}${isFolder && words.length > 0 ? '/' : ''}`);
