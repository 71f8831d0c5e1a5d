/** One request on a connection of its own, as a browser without cookies sends it for a page, and the whole answer. */
import { type IncomingHttpHeaders, request } from 'node:http';

export interface Asked {
  readonly host: string;
  /** Besides Host, Accept and User-Agent, or instead of them. */
  readonly fields?: Record<string, string>;
  readonly method?: string;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly setCookies: string[];
  readonly fields: IncomingHttpHeaders;
  /** One character a byte. */
  readonly body: string;
}

/** `target` goes out as it stands. Redirects are not followed. */
export function ask(port: number, target: string, { host, fields, method = 'GET', body = '' }: Asked): Promise<Answer> {
  const headers = { host, accept: 'text/html', 'user-agent': 'Mozilla/5.0 (test)', ...fields };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path: target, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject).on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location ?? null,
          setCookies: response.headers['set-cookie'] ?? [],
          fields: response.headers,
          body: text,
        }),
      );
    });
    sent.on('error', reject).end(body);
  });
}
