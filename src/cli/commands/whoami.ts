import type { Command } from 'commander'
import { remote } from '../command.ts'
import { scopesText } from '../output.ts'

/** `berth whoami` */
export function whoamiCommand(command: Command): void {
  remote(command, async ({ api, out, where }) => {
    const me = await api.call('GET /session')
    out.one(me, [
      ['registry', () => where],
      ['you are', ({ kind, name }) => (name === undefined ? kind : `${kind} ${name}`)],
      ['administrator', ({ administrator }) => (administrator ? 'yes' : '')],
      [
        'organisations',
        ({ organisations }) =>
          organisations.map(({ organisation, role }) => `${organisation} (${role})`).join(', '),
      ],
      ['limited to', ({ scopes = [] }) => scopesText(scopes)],
      ['sign-up', ({ signUp }) => signUp],
    ])
  })
}
