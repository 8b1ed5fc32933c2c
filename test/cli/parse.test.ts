import { describe, expect, test } from 'bun:test'
import {
  collectAllowances,
  parseCount,
  parseMoment,
  parseVerbs,
  repositoryOf,
  splitRobot,
  splitTeam,
  subjectOf,
} from '../../src/cli/parse.ts'
import { parseServer } from '../../src/cli/server-address.ts'

describe('what people write', () => {
  test.each([
    ['pull', ['pull']],
    ['pull, push', ['pull', 'push']],
    ['write,delete', ['write', 'delete']],
    ['create-tag', ['create-tag']],
  ])('verbs %j', (text, verbs) => expect(parseVerbs(text)).toEqual(verbs as never))
  test.each(['', 'pull,', 'Pull', 'frob', 'toString'])('no verbs %j', (text) =>
    expect(() => parseVerbs(text)).toThrow('There is no verb'),
  )

  test('allowances are cut at the last colon, and add up', () => {
    const one = collectAllowances('team:acme/devs:write')
    expect(collectAllowances('acme/*:pull,push', one)).toEqual([
      { to: 'team:acme/devs', verbs: ['write'] },
      { to: 'acme/*', verbs: ['pull', 'push'] },
    ])
    for (const text of ['acme/*', ':pull', '', 'user:alice']) expect(() => collectAllowances(text)).toThrow()
  })

  const NOW = Date.parse('2027-01-10T12:00:00Z')
  test.each([
    ['30m', 1, '2027-01-10T12:30:00.000Z'],
    ['24h', -1, '2027-01-09T12:00:00.000Z'],
    ['90d', 1, '2027-04-10T12:00:00.000Z'],
    ['2w', -1, '2026-12-27T12:00:00.000Z'],
    ['2027-01-31', 1, '2027-01-31T00:00:00.000Z'],
    ['2027-01-31T10:00:00+02:00', -1, '2027-01-31T08:00:00.000Z'],
  ] as const)('the moment %j', (text, direction, moment) =>
    expect(parseMoment(text, direction, NOW)).toBe(moment),
  )
  test.each(['', 'soon', '90', '1y', '-1d', '2027-13-01', '2027-01-31T10:00', '99999999d', '999999w'])(
    'no moment %j',
    (text) => expect(() => parseMoment(text, 1, NOW)).toThrow('Say how long'),
  )

  test('counts', () => {
    expect(parseCount('7')).toBe(7)
    for (const text of ['0', '-1', '1.5', 'x', '', '1e3']) expect(() => parseCount(text)).toThrow()
  })

  test.each([
    ['alice', 'user:alice'],
    ['acme+ci', 'robot:acme+ci'],
    ['team:acme/devs', 'team:acme/devs'],
    ['everyone', 'everyone'],
    ['anyone', 'anyone'],
  ])('the subject %j is %j', (text, subject) => expect(subjectOf(text)).toBe(subject))

  test('names of two parts', () => {
    expect(splitTeam('acme/devs')).toEqual({ organisation: 'acme', team: 'devs' })
    expect(splitRobot('acme+ci')).toEqual({ namespace: 'acme', robot: 'ci' })
    expect(repositoryOf('nginx')).toBe('library/nginx')
    expect(repositoryOf('acme/web')).toBe('acme/web')
    for (const text of ['acme', 'acme/', '/devs', 'a/b/c'])
      expect(() => splitTeam(text)).toThrow('is no team')
    for (const text of ['acme', 'acme+', '+ci']) expect(() => splitRobot(text)).toThrow('is no robot')
  })
})

describe('a server', () => {
  test.each([
    ['registry.example.com', 'https://registry.example.com', 'registry.example.com'],
    ['registry.example.com:5443', 'https://registry.example.com:5443', 'registry.example.com:5443'],
    ['https://registry.example.com/', 'https://registry.example.com', 'registry.example.com'],
    ['localhost:5000', 'http://localhost:5000', 'localhost:5000'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000', '127.0.0.1:5000'],
    ['[::1]:5000', 'http://[::1]:5000', '[::1]:5000'],
    ['https://localhost', 'https://localhost', 'localhost'],
    ['http://127.0.0.1:1', 'http://127.0.0.1:1', '127.0.0.1:1'],
  ])('%s is asked at %s', (text, base, host) => expect(parseServer(text)).toEqual({ base, host }))

  test('is given no credential over plain HTTP unless it is this machine, or was said to be', () => {
    for (const text of [
      'http://registry.example.com',
      'http://10.0.0.1:5000',
      'http://localhost.example.com',
    ])
      expect(() => parseServer(text)).toThrow('--insecure')
    expect(parseServer('http://10.0.0.1:5000', { insecure: true }).base).toBe('http://10.0.0.1:5000')
  })

  test.each(['', 'https://', 'a b', 'https://h/path', 'h?x', 'ftp://h', 'https://h#x', 'user:canary@h'])(
    '%j is none',
    (text) => {
      expect(() => parseServer(text)).toThrow('is no server')
      expect(() => parseServer(text)).not.toThrow('canary')
    },
  )
})
