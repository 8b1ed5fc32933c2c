import { randomBytes } from 'node:crypto'
import { newSecret } from '../../auth/secrets.ts'
import { parsePartName } from '../../core/account-names.ts'
import type { Account, Credential, NewCredential } from '../../store/meta/account-store.ts'
import type { NAMESPACES } from '../contract/namespaces.ts'
import type { ApiParts, Handlers } from '../handler.ts'
import { absent, conflict, Refusal } from '../problem.ts'
import { futureTime, said, timeText } from '../values.ts'
import { stale } from '../version-tag.ts'
import { credentialsOf, revokeCredential } from './credentials.ts'
import { listKeys, makeKey, revokeKey } from './keys.ts'
import { timesView } from './views.ts'

type RobotEndpoint = Extract<keyof typeof NAMESPACES, `${string}/robots${string}`>

/** Secrets of a robot that are good at a time: the new one, and the one that scripts still have. */
const LIVE_SECRETS = 2

/** Robots of one owner: they are listed at once. */
export const MAX_ROBOTS = 1000

/** Robot accounts of a user or an organisation, their secrets and keys. */
export const ROBOT_HANDLERS: Handlers<RobotEndpoint> = {
  async 'GET /namespaces/{namespace}/robots'({ path: { namespace } }, { store }) {
    if ((await store.findAccount(namespace)) === undefined) throw noOwner(namespace)
    return { items: (await store.listRobots(namespace)).map(told) }
  },

  async 'POST /namespaces/{namespace}/robots'({ path: { namespace: owner }, body, cause }, { store }) {
    const name = parsePartName(body.name)
    const robots = await store.listRobots(owner)
    if (robots.length >= MAX_ROBOTS && !robots.some((robot) => robot.name === `${owner}+${name}`)) {
      throw new Refusal(
        'rule-violated',
        `${owner} has ${robots.length} robots, and there can be no more; delete one first`,
      )
    }
    const { secret, credential } = secretOf(undefined)
    const made = await store.createRobot({ ...said(body), owner, name, secret: credential }, cause)
    if (made.outcome !== 'created') {
      if (made.outcome === 'absent') throw noOwner(owner)
      throw conflict(
        `there is a robot ${owner}+${name} already, and a secret is shown once; make it a new secret, or choose another name`,
      )
    }
    return { ...told(made.account), secret }
  },

  async 'GET /namespaces/{namespace}/robots/{robot}'({ path }, { store }) {
    return told(await robotNamed(path, store))
  },

  async 'PATCH /namespaces/{namespace}/robots/{robot}'({ path, body, version, cause }, { store }) {
    const { name } = await robotNamed(path, store)
    const changed = await store.updateAccount(said({ name, ...body, version }), cause)
    if (changed === 'stale') throw stale()
    return told(await robotNamed(path, store))
  },

  async 'DELETE /namespaces/{namespace}/robots/{robot}'({ path, cause }, { store }) {
    const { name } = await robotNamed(path, store)
    await store.deleteAccount({ name }, cause)
    return undefined
  },

  async 'GET /namespaces/{namespace}/robots/{robot}/secrets'({ path }, parts) {
    const { name } = await robotNamed(path, parts.store)
    return { items: (await credentialsOf(parts, name, 'secret')).map(secretView) }
  },

  async 'POST /namespaces/{namespace}/robots/{robot}/secrets'({ path, body, cause }, parts) {
    const { name } = await robotNamed(path, parts.store)
    const { secret, credential } = secretOf(futureTime(body?.expiresAt, cause.now))
    const made = await parts.store.createCredential(
      { account: name, credential, keepNewest: LIVE_SECRETS },
      cause,
    )
    if (made.outcome !== 'created') throw noRobot(path)
    const { id } = made
    const stored = (await credentialsOf(parts, name, 'secret')).find((each) => each.id === id)
    if (stored === undefined)
      throw conflict(`others made secrets of ${name} meanwhile, and this one is over already; make one again`)
    return { ...secretView(stored), secret }
  },

  async 'DELETE /namespaces/{namespace}/robots/{robot}/secrets/{id}'({ path, cause }, parts) {
    const { name } = await robotNamed(path, parts.store)
    await revokeCredential(parts, name, 'secret', path.id, cause)
    return undefined
  },

  async 'GET /namespaces/{namespace}/robots/{robot}/keys'({ path }, parts) {
    return { items: await listKeys((await robotNamed(path, parts.store)).name, parts.store) }
  },

  async 'POST /namespaces/{namespace}/robots/{robot}/keys'(call, parts) {
    const { name } = await robotNamed(call.path, parts.store)
    return makeKey(name, call.body, call, parts.store)
  },

  async 'DELETE /namespaces/{namespace}/robots/{robot}/keys/{id}'({ path, cause }, parts) {
    const { name } = await robotNamed(path, parts.store)
    await revokeKey(name, path.id, cause, parts.store)
    return undefined
  },
}

interface RobotPath {
  readonly namespace: string
  readonly robot: string
}

async function robotNamed(path: RobotPath, store: ApiParts['store']): Promise<Account> {
  const found = await store.findAccount(`${path.namespace}+${path.robot}`)
  if (found?.kind !== 'robot') throw noRobot(path)
  return found
}

/** A secret that is shown once, and what is stored of it. Nobody reads its name; it is only never the same twice. */
function secretOf(expiresAt: number | undefined): { secret: string; credential: NewCredential } {
  const { secret, lookup } = newSecret('secret')
  const name = `secret-${randomBytes(8).toString('hex')}`
  return {
    secret,
    credential: { kind: 'secret', name, lookup, ...(expiresAt !== undefined && { expiresAt }) },
  }
}

function told({ name, description, disabled, createdAt, version }: Account) {
  return { name, description, disabled, createdAt: timeText(createdAt), version }
}

function secretView(secret: Credential) {
  return { id: secret.id, ...timesView(secret) }
}

function noOwner(name: string): Refusal {
  return absent(`there is no user or organisation ${name}, to which a robot could belong`)
}

function noRobot({ namespace, robot }: RobotPath): Refusal {
  return absent(`${namespace} has no robot ${robot}; list its robots to see what there are`)
}
