/** What was wrong with a message that llhttp or node:http gave up on. */
import type { ErrorCode } from '../errors.ts';

/** node:http adds the bytes that the parser choked on. */
export interface ParserError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** llhttp's and node:http's names for what clients do wrong. The rest is BAD_REQUEST. */
const PARSER_FAULTS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'FIELDS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_INVALID_VERSION: 'VERSION_NOT_SUPPORTED',
  HPE_INVALID_EOF_STATE: 'CLIENT_GONE',
  HPE_INVALID_CONTENT_LENGTH: 'BAD_FRAMING',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'BAD_FRAMING',
  HPE_INVALID_TRANSFER_ENCODING: 'BAD_FRAMING',
  HPE_INVALID_CHUNK_SIZE: 'BAD_FRAMING',
};
const HTTP1_WITHOUT_CR = /^[^\r\n]* HTTP\/1\.[01]\n/;
/** Of a request, cut before its end. */
const FIRST_LINE = /^[A-Z]{1,20} [^\r\n]*$/;
const HEAD_REQUEST = /(?:^|\n)HEAD /;

export function faultOf(error: ParserError, headerBytes: number): ErrorCode {
  if (isLongTarget(error, headerBytes)) return 'TARGET_TOO_LONG';
  // The parser says so as well of a line that ends without a CR.
  if (error.code === 'HPE_INVALID_VERSION' && HTTP1_WITHOUT_CR.test(textOf(error))) return 'BAD_REQUEST';
  return PARSER_FAULTS[error.code ?? ''] ?? 'BAD_REQUEST';
}

/** Could the message that was not understood have been a HEAD request? */
export function mayBeHead(error: ParserError): boolean {
  return HEAD_REQUEST.test(textOf(error));
}

/** A head of more than `headerBytes` that overflowed within its first line, as far as one piece shows that. */
function isLongTarget({ code, rawPacket }: ParserError, headerBytes: number): boolean {
  if (code !== 'HPE_HEADER_OVERFLOW' || rawPacket === undefined || rawPacket.length < headerBytes) return false;
  return FIRST_LINE.test(rawPacket.toString('latin1', 0, headerBytes));
}

function textOf({ rawPacket }: ParserError): string {
  return rawPacket?.toString('latin1') ?? '';
}
