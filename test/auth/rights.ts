import type { AccountActor, Anonymous, Context, TokenAccess } from '../../src/core/context.ts'
import { ANONYMOUS } from '../../src/core/context.ts'
import { parseRepoName, type RepoName } from '../../src/core/names.ts'
import { type Verb, verbSet } from '../../src/core/verbs.ts'
import type {
  AccessFacts,
  AccessStore,
  CredentialBounds,
  GrantFact,
  Reach,
  SigningKey,
  SubjectFacts,
} from '../../src/store/meta/access-store.ts'

/** The time in these tests. */
export class TestClock {
  time = 1_700_000_000_000
  now(): number {
    return this.time
  }
}

/** What a database would say, as a table that tests write; counts its reads, and breaks when told. */
export class FactTable
  implements
    Pick<AccessStore, 'readAccess' | 'readReach' | 'findHolder' | 'listSigningKeys' | 'rotateSigningKey'>
{
  readonly subjects = new Map<number, SubjectFacts>()
  readonly credentials = new Map<number, CredentialBounds>()
  readonly repositories = new Map<string, NonNullable<AccessFacts['repository']>>()
  readonly roles = new Map<number, NonNullable<AccessFacts['role']>>()
  grants: (GrantFact & { readonly account?: number })[] = []
  keys: SigningKey[] = []
  reads = 0
  keyReads = 0
  holder: RepoName | undefined
  broken: Error | undefined
  lastVisible: unknown

  async readAccess({ account, credential, repo }: Parameters<AccessStore['readAccess']>[0]) {
    this.#read()
    const subject = account === undefined ? undefined : this.subjects.get(account)
    const repository = this.repositories.get(repo)
    return {
      subject,
      credential: credential === undefined ? undefined : this.credentials.get(credential),
      // Of the first account.
      namespace: repo.startsWith('acme/') ? { id: 1, account: 1 } : undefined,
      repository,
      role: account === undefined ? undefined : this.roles.get(account),
      grants: this.grants.filter((grant) => grant.account === undefined || grant.account === account),
    }
  }

  async readReach({ account, credential }: Parameters<AccessStore['readReach']>[0]): Promise<Reach> {
    this.#read()
    return {
      subject: account === undefined ? undefined : this.subjects.get(account),
      credential: credential === undefined ? undefined : this.credentials.get(credential),
      owned: account === 1 ? ['acme'] : [],
    }
  }

  async findHolder(_digest: unknown, visible: unknown): Promise<RepoName | undefined> {
    this.#read()
    this.lastVisible = visible
    return this.holder
  }

  async listSigningKeys(): Promise<SigningKey[]> {
    this.keyReads++
    if (this.broken !== undefined) throw this.broken
    return [...this.keys]
  }

  async rotateSigningKey({
    key,
    newest,
    forgetBefore,
  }: Parameters<AccessStore['rotateSigningKey']>[0]): Promise<SigningKey[]> {
    if (this.broken !== undefined) throw this.broken
    if (this.keys[0]?.kid === newest) this.keys.unshift(key)
    this.keys = this.keys.filter(({ createdAt }, at) => at === 0 || createdAt >= forgetBefore)
    return [...this.keys]
  }

  /** A user with a credential of its own number. */
  user(id: number, name: string, more: Partial<SubjectFacts> & { bounds?: CredentialBounds } = {}): void {
    const { bounds = {}, ...facts } = more
    this.subjects.set(id, { id, name, kind: 'user', administrator: false, disabled: false, ...facts })
    this.credentials.set(id, bounds)
  }

  grant(account: number | undefined, pattern: string, verbs: readonly Verb[]): void {
    const id = this.grants.length + 1
    const subject = account === undefined ? 'anyone' : `user:${this.subjects.get(account)?.name}`
    this.grants.push({
      id,
      subject,
      pattern,
      verbs: verbSet(verbs),
      ...(account !== undefined && { account }),
    })
  }

  repository(name: string, visible: 'public' | 'private', identity = `id of ${name}`): RepoName {
    const repo = parseRepoName(name)
    const id = this.repositories.size + 1
    this.repositories.set(repo, { id, name: repo, identity, public: visible === 'public' })
    return repo
  }

  #read(): void {
    this.reads++
    if (this.broken !== undefined) throw this.broken
  }
}

/** A request of an actor. */
export function contextOf(actor: Context['actor'], address = '192.0.2.7'): Context {
  return {
    actor,
    signal: new AbortController().signal,
    requestId: 'test',
    address,
    agent: 'test',
    origin: 'https://registry.test',
  }
}

export function account(id: number, name: string, access?: readonly TokenAccess[]): AccountActor {
  const actor = { kind: 'account', id: `account:${id}`, account: id, name, credential: id } as const
  return access === undefined ? actor : { ...actor, access }
}

export function nobody(access?: readonly TokenAccess[]): Anonymous {
  return access === undefined ? ANONYMOUS : { ...ANONYMOUS, access }
}

export function tokenFor(name: string, actions: readonly string[], identity?: string): TokenAccess {
  return { type: 'repository', name, actions, ...(identity !== undefined && { identity }) }
}
