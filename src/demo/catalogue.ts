/**
 * The wares of the demo shop: a catalogue computed from the product number, so that it is the same on every machine.
 *
 * No randomness, no clock and no files: a crawl of the shop finds the same pages each time.
 */

export interface Product {
  /** 1 … the size of the catalogue. */
  readonly id: number;
  readonly name: string;
  readonly department: string;
  readonly priceCents: number;
  readonly stock: number;
}

const MAKES = ['Oak', 'Brass', 'Copper', 'Walnut', 'Enamel', 'Cast Iron', 'Linen', 'Porcelain', 'Tin', 'Leather'];
const GOODS = [
  ['Teapot', 'Kitchen'],
  ['Kettle', 'Kitchen'],
  ['Ladle', 'Kitchen'],
  ['Lantern', 'Hall'],
  ['Umbrella Stand', 'Hall'],
  ['Bookend', 'Study'],
  ['Inkwell', 'Study'],
  ['Letter Scale', 'Study'],
  ['Watering Can', 'Garden'],
  ['Bird Table', 'Garden'],
  ['Trowel', 'Garden'],
  ['Clothes Hook', 'Hall'],
] as const;

export const DEPARTMENTS: readonly string[] = [...new Set(GOODS.map(([, department]) => department))];

/** The product with number `id`, null for a number outside of 1 … `count`. */
export function productAt(id: number, count: number): Product | null {
  if (!Number.isInteger(id) || id < 1 || id > count) return null;
  const [good, department] = GOODS[id % GOODS.length] ?? GOODS[0];
  const make = MAKES[Math.floor(id / GOODS.length) % MAKES.length] ?? 'Plain';
  return {
    id,
    name: `${make} ${good} No. ${id}`,
    department,
    // 7,919 is prime: neighbours differ, and the prices fill the range of 1.00 to 99.99.
    priceCents: 100 + ((id * 7919) % 9900),
    stock: (id * 31) % 40,
  };
}

/** Products whose name contains every word of `words` (any case), at most `limit` of them, in order of their number. */
export function searchProducts(words: string, count: number, limit: number): Product[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found: Product[] = [];
  for (let id = 1; id <= count && found.length < limit; id++) {
    const product = productAt(id, count);
    if (product === null) continue;
    const name = product.name.toLowerCase();
    if (wanted.every((word) => name.includes(word))) found.push(product);
  }
  return found;
}

/** `12.50 EUR` for 1250. */
export function price(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')} EUR`;
}
