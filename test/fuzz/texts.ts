import fc from 'fast-check'
import { digestOf } from '../../src/core/digest.ts'

/** What clients send by mistake or on purpose, as it stands on the wire: bytes as characters of Latin-1. */

/** Everything that a request's target may hold: no blank, no control character. */
const targetByte = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0x21, max: 0x7e }) },
  fc.integer({ min: 0x80, max: 0xff }),
)
/** Everything that a header's value may hold. */
const headerByte = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
  fc.integer({ min: 0x80, max: 0xff }),
)

const text = (byte: fc.Arbitrary<number>, maxLength: number) =>
  fc.array(byte, { maxLength }).map((codes) => String.fromCharCode(...codes))

/** Pieces of attacks that are known. */
const PIECES = [
  '..',
  '.',
  '%2e',
  '%2E%2e',
  '%2f',
  '%2F',
  '%5c',
  '\\',
  '%00',
  '%0a',
  '%0d%0a',
  '%252e%252e',
  '%252f',
  '..%c0%af',
  '%e0%80%af',
  '..;',
  '//',
  '~',
  '%',
  '%%',
  '%zz',
  '%u002e',
  '%ff',
  '%C3%A9',
  '\xe9',
  '+',
  '%20',
  '*',
  '?',
  '&',
  '=',
  '@',
  ':',
  ';',
  ',',
  '"',
  "'",
  '<script>',
  '$(id)',
  '`id`',
  '{}',
  '[]',
  '|',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  '-1',
  '0',
  '1e9',
  '9223372036854775808',
  "' OR 1=1--",
  '%27%3B',
  '%_',
  'library',
  '_catalog',
  '_oci',
  'blobs',
  'uploads',
  'manifests',
  'tags',
  'list',
  'referrers',
  'v2',
  'A',
  'a'.repeat(256),
  '\u00df',
].map((piece) => piece.replaceAll(' ', '%20'))

/** A part of a path or query: good, odd or hostile. */
export const segments = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?$/) },
  { weight: 3, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 2, arbitrary: text(targetByte, 20) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...PIECES), fc.constantFrom(...PIECES))
      .map((parts) => parts.join('')),
  },
)

/** Names of repositories, half of them none. */
export const names = fc.oneof(
  fc.array(segments, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  fc.stringMatching(/^fuzzed(\/[a-z0-9]{1,5}){1,3}$/),
)

const hex = fc.constantFrom(digestOf('fuzz'), digestOf('fuzz', 'sha512'), digestOf(''))

/** Digests, most of them none. */
export const digests = fc.oneof(
  hex as fc.Arbitrary<string>,
  hex.map((digest) => digest.toUpperCase()),
  hex.map((digest) => digest.slice(0, -1)),
  hex.map((digest) => `${digest}0`),
  hex.map((digest) => digest.replace(':', '%3A')),
  fc
    .tuple(fc.constantFrom('sha256', 'sha512', 'md5', 'SHA256', 'sha256+b64', '', '__proto__'), segments)
    .map((parts) => parts.join(':')),
  fc.constantFrom(
    'sha256:',
    ':',
    `sha256:${'a'.repeat(10_000)}`,
    `sha256:${'../'.repeat(20)}etc/passwd`,
    'sha256:%00',
    `sha256:${'\u00e0'.repeat(64)}`,
  ),
)

export const references = fc.oneof(segments, digests, fc.stringMatching(/^[A-Za-z0-9_.-]{1,130}$/))

export const uploadIds = fc.oneof(
  fc.uuid(),
  fc.uuid().map((id) => id.toUpperCase()),
  segments,
  fc.uuid().map((id) => `${id}/..`),
)

/** Values of a query's parameters. */
export const queryValues = fc.oneof(
  segments,
  digests,
  text(targetByte, 60).map((value) => value.replaceAll('#', '')),
  fc.string({ unit: 'binary', maxLength: 30 }).map((value) => encodeURIComponent(value.toWellFormed())),
  fc.integer().map(String),
  fc.constantFrom(
    '',
    '0',
    '1',
    '1000',
    '1001',
    '2147483648',
    '99999999999999999999999',
    '-0',
    '0x10',
    '1.5',
    '%31',
    '٣',
    'x'.repeat(3000),
  ),
)

const PARAMETERS = [
  'n',
  'last',
  'artifactType',
  'tag',
  'mount',
  'from',
  'digest',
  'digest-algorithm',
  'ns',
  'q',
  'page',
  '_state',
  'next',
  '%6e',
  '',
]

export const queries = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...PARAMETERS), segments), fc.option(queryValues)), {
    maxLength: 6,
  })
  .map((pairs) => pairs.map(([name, value]) => (value === null ? name : `${name}=${value}`)).join('&'))

export const headerValues = fc.oneof(
  text(headerByte, 80),
  fc.constantFrom(
    '',
    '*',
    '*/*',
    '"',
    '""',
    'W/""',
    ','.repeat(500),
    'a,'.repeat(500),
    '\t',
    '\xff\xfe',
    'x'.repeat(8000),
    'null',
    '0',
    '-1',
  ),
)
