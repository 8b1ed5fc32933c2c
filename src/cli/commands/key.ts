import { rmSync, writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { BodyOf, ResultOf } from '../../api/contract/contract.ts'
import { splitRobotName } from '../../core/account-names.ts'
import { accountOr, noteGuess, remote, type Session, statusOf } from '../command.ts'
import { readText } from '../files.ts'
import { lastUse, when } from '../output.ts'
import { parseExpiry, splitRobot } from '../parse.ts'

const ACCOUNT = ['--account <name>', 'whose it is: a user or OWNER+ROBOT; you, unless told'] as const

export interface NewKeyOptions {
  readonly publicKey?: string
  readonly out?: string
  readonly expires?: string
}

/** The options of a new key. */
export function withNewKey(command: Command): Command {
  return command
    .option('--out <file>', 'write the key file here, for your eyes alone, instead of printing it')
    .addOption(
      new Option(
        '--public-key <file>',
        'register this public half (Ed25519, PEM); the private half stays yours',
      ).conflicts('out'),
    )
    .option('--expires <when>', 'when it ends: 90d, 2027-01-31; never unless told', parseExpiry)
}

/** `berth key …` */
export function keyCommands(group: Command): void {
  remote<NewKeyOptions & { account?: string }>(
    withNewKey(
      group
        .command('add')
        .description('make a key and print its file, for berth login --key')
        .argument('<name>', 'what to call it')
        .option(...ACCOUNT),
    ),
    async (session, options, name: string) =>
      addKey(session, await accountOr(session, options.account, '--account'), name, options),
  )

  remote<{ account?: string }>(
    group
      .command('list')
      .alias('ls')
      .description('list keys')
      .option(...ACCOUNT),
    async (session, { account: named }) => {
      const account = await accountOr(session, named, '--account')
      const { items } =
        splitRobotName(account) === undefined
          ? await session.api.call('GET /users/{user}/keys', { path: { user: account } })
          : await session.api.call('GET /namespaces/{namespace}/robots/{robot}/keys', {
              path: splitRobot(account),
            })
      session.out.list(items, [
        ['ID', ({ id }) => String(id)],
        ['NAME', ({ name }) => name],
        ['ENDS', ({ expiresAt }) => when(expiresAt, 'never')],
        ['LAST USED', (key) => lastUse(key.lastUsed)],
        ['KEY ID', ({ keyId }) => keyId],
      ])
    },
  )

  remote<{ account?: string }>(
    group
      .command('revoke')
      .alias('rm')
      .description('end a key')
      .argument('<id>')
      .option(...ACCOUNT),
    async (session, { account: named }, id: string) => {
      const account = await accountOr(session, named, '--account')
      if (splitRobotName(account) === undefined)
        await session.api.call('DELETE /users/{user}/keys/{id}', { path: { user: account, id } })
      else {
        await session.api.call('DELETE /namespaces/{namespace}/robots/{robot}/keys/{id}', {
          path: { ...splitRobot(account), id },
        })
      }
      session.out.done(`revoked key ${id} of ${account}`)
    },
  )
}

/** Makes a key of a user or a robot; its file goes where it was said, or is printed. */
export async function addKey(
  session: Session,
  account: string,
  name: string,
  { publicKey, out: path, expires }: NewKeyOptions,
): Promise<void> {
  const { out } = session
  const body = {
    name,
    ...(publicKey !== undefined && { publicKey: readText(publicKey) }),
    ...(expires !== undefined && { expiresAt: expires }),
  }
  // Before the key is made: one whose file could not be written would be lost.
  if (path !== undefined) reserve(path)
  const answered = statusOf()
  let made: Awaited<ReturnType<typeof makeKey>>
  try {
    made = await makeKey(session, account, body, answered.note)
  } catch (error) {
    if (path !== undefined) rmSync(path, { force: true })
    throw error
  }
  const remark = `made key ${made.id} of ${account}, good until ${when(made.expiresAt, 'it is revoked')}`
  const { file, ...rest } = made
  if (file === undefined) {
    const done = answered.existed ? 'was registered already as' : 'is'
    out.done(
      `this public key ${done} key ${made.id} of ${account}, with the ID ${made.keyId}, good until ${when(made.expiresAt, 'it is revoked')}; log in with: berth login HOST --key PRIVATE.pem --account ${account}`,
      made,
    )
    return
  }
  noteGuess(session)
  if (path === undefined) out.secret(made, file, `${remark}; its file, shown this once:`)
  else {
    writeFileSync(path, file)
    out.done(`${remark}; log in with: berth login HOST --key ${path}`, rest)
  }
}

function makeKey(
  { api }: Session,
  account: string,
  body: BodyOf<'POST /users/{user}/keys'>,
  onStatus: (status: number) => void,
): Promise<ResultOf<'POST /users/{user}/keys'>> {
  return splitRobotName(account) === undefined
    ? api.call('POST /users/{user}/keys', { path: { user: account }, body, onStatus })
    : api.call('POST /namespaces/{namespace}/robots/{robot}/keys', {
        path: splitRobot(account),
        body,
        onStatus,
      })
}

/** A new file that its owner alone can read. */
function reserve(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw new Error(
      (error as { code?: string }).code === 'EEXIST'
        ? `${path} exists already; name another file, no key was made`
        : `cannot write ${path}, no key was made: ${(error as Error).message}`,
    )
  }
}
