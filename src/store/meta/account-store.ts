import type { Page, PageRequest } from '../../core/registry.ts'
import type { Cause, Changed, CredentialBounds, Versioned } from './access-store.ts'

/* People, organisations, robots, and what proves that one is one of them. */

export interface Account {
  readonly id: number
  /** The first part of its repositories' names; a robot's is `owner+name`. */
  readonly name: string
  readonly kind: 'user' | 'organisation' | 'robot'
  readonly displayName: string
  readonly description: string
  /** Of users; `''` where none was given. */
  readonly email: string
  readonly administrator: boolean
  readonly disabled: boolean
  /** Of robots: whose it is. */
  readonly owner: string | undefined
  readonly createdAt: number
  readonly version: number
}

export type Role = 'owner' | 'member'

export interface Team {
  readonly id: number
  readonly name: string
  readonly description: string
  readonly createdAt: number
  readonly version: number
}

/** `password`: argon2id. The others are long random secrets, found by their SHA-256 – but `key`, of which only the public half is here. */
export type CredentialKind = 'password' | 'token' | 'secret' | 'key' | 'session' | 'refresh'

export interface Credential extends CredentialBounds {
  readonly id: number
  readonly account: number
  readonly kind: CredentialKind
  /** Unique among its account's of its kind. */
  readonly name: string
  /** Of a key: the SHA-256 of its public half, in hexadecimal digits. */
  readonly keyId: string | undefined
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly lastUsed: LastUse | undefined
}

export interface LastUse {
  readonly at: number
  readonly address: string
  readonly agent: string
}

export interface NewCredential extends CredentialBounds {
  readonly kind: CredentialKind
  readonly name: string
  /** SHA-256 of the secret; for a key the SHA-256 of its public half in DER, which is what it is found by. */
  readonly lookup?: Uint8Array
  /** PHC text of a password; SPKI PEM of a key. */
  readonly verifier?: string
  readonly expiresAt?: number
  /** A refresh token or session ends with the credential it came from. */
  readonly parent?: number
}

/** A credential that was found, with what is needed to let its account in. */
export interface FoundCredential extends Credential {
  readonly verifier: string | undefined
  readonly accountName: string
  readonly accountKind: 'user' | 'robot'
  /** The account, or the owner of the robot. */
  readonly disabled: boolean
}

/** What a one-time link is for. */
export type LinkPurpose =
  /** Makes the first administrator. */
  | { readonly kind: 'administrator' }
  /** Makes an account, a member of an organisation where one is named. */
  | { readonly kind: 'invitation'; readonly organisation?: string; readonly role?: Role }
  | { readonly kind: 'password-reset'; readonly user: string }

export interface Link {
  readonly id: number
  readonly purpose: LinkPurpose
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
}

export interface AccountStore {
  findAccount(name: string): Promise<Account | undefined>
  /** By name; `filter`: only names that contain it. */
  listAccounts(
    kind: 'user' | 'organisation',
    page: PageRequest & { readonly filter?: string },
  ): Promise<Page<Account>>
  countAdministrators(): Promise<number>

  /**
   * A user with its namespace. `link`: SHA-256 of the secret of a one-time link, used up by this; its purpose is done, too. `adopt`: a
   * namespace of that name which belongs to nobody becomes the user's; without it that is `taken`. `password` undefined: one that
   * signs in only by a reset link.
   */
  createUser(
    create: {
      name: string
      displayName?: string
      email?: string
      administrator: boolean
      password: string | undefined
      link?: Uint8Array
      adopt?: boolean
    },
    cause: Cause,
  ): Promise<
    { readonly outcome: 'created'; readonly account: Account } | { readonly outcome: 'taken' | 'no-link' }
  >
  /** `no-user`: there is no user to be its owner. */
  createOrganisation(
    create: {
      name: string
      displayName?: string
      description?: string
      owner: string | undefined
      adopt?: boolean
    },
    cause: Cause,
  ): Promise<
    { readonly outcome: 'created'; readonly account: Account } | { readonly outcome: 'taken' | 'no-user' }
  >
  /** Users, organisations and robots. `last-administrator`: there would be none left who can sign in. */
  updateAccount(
    change: Versioned & {
      name: string
      displayName?: string
      description?: string
      email?: string
      administrator?: boolean
      disabled?: boolean
    },
    cause: Cause,
  ): Promise<Changed | 'last-administrator'>
  /**
   * Removes an account with its credentials, memberships, teams, robots and grants; an emptied namespace goes with it.
   * `has-repositories`: its namespace still holds some. `last-owner`: an organisation would have none left.
   */
  deleteAccount(
    remove: { name: string },
    cause: Cause,
  ): Promise<'done' | 'absent' | 'has-repositories' | 'last-owner' | 'last-administrator'>

  listMembers(
    organisation: string,
    page: PageRequest,
  ): Promise<Page<{ readonly user: string; readonly role: Role }>>
  listOrganisationsOf(user: string): Promise<{ readonly organisation: string; readonly role: Role }[]>
  setMember(
    member: { organisation: string; user: string; role: Role },
    cause: Cause,
  ): Promise<'created' | 'changed' | 'unchanged' | 'absent' | 'no-user' | 'last-owner'>
  /** Also from every team of it. `grants`: also what its namespaces grant to the user itself; else that stays. */
  removeMember(
    member: { organisation: string; user: string; grants?: 'keep' | 'remove' },
    cause: Cause,
  ): Promise<'done' | 'absent' | 'last-owner'>

  listTeams(organisation: string): Promise<Team[]>
  findTeam(organisation: string, team: string): Promise<Team | undefined>
  createTeam(
    create: { organisation: string; name: string; description?: string },
    cause: Cause,
  ): Promise<{ readonly outcome: 'created' | 'exists'; readonly team: Team } | { readonly outcome: 'absent' }>
  updateTeam(
    change: Versioned & { organisation: string; team: string; description: string },
    cause: Cause,
  ): Promise<Changed>
  deleteTeam(remove: { organisation: string; team: string }, cause: Cause): Promise<'done' | 'absent'>
  listTeamMembers(organisation: string, team: string): Promise<string[]>
  /** `no-user`: not a member of the organisation. */
  addTeamMember(
    member: { organisation: string; team: string; user: string },
    cause: Cause,
  ): Promise<'created' | 'unchanged' | 'absent' | 'no-user'>
  removeTeamMember(
    member: { organisation: string; team: string; user: string },
    cause: Cause,
  ): Promise<'done' | 'absent'>

  listRobots(owner: string): Promise<Account[]>
  /** A robot of a user or an organisation, with its first secret. `name`: without the owner. */
  createRobot(
    create: { owner: string; name: string; description?: string; secret: NewCredential },
    cause: Cause,
  ): Promise<
    { readonly outcome: 'created'; readonly account: Account } | { readonly outcome: 'absent' | 'taken' }
  >

  /** The live credential found by its SHA-256: of any kind but a password. */
  findCredential(lookup: Uint8Array, now: number): Promise<FoundCredential | undefined>
  /** The password of a user by name. */
  findPassword(name: string): Promise<FoundCredential | undefined>
  /** A live credential by its number. */
  readCredential(id: number, now: number): Promise<FoundCredential | undefined>
  /** Of the account, of some kinds, newest first; expired ones too. */
  listCredentials(account: string, kinds: readonly CredentialKind[]): Promise<Credential[]>
  /**
   * `taken`: the account has one of the kind and name. `keepNewest`: with more than so many of the kind, the oldest go (two secrets of a
   * robot are valid at a time). Sessions and refresh tokens leave no audit row of their own. `login`: the door by which the account came
   * in just now and for which this is made; that has its row, or there is neither.
   */
  createCredential(
    create: { account: string; credential: NewCredential; keepNewest?: number; login?: string },
    cause: Cause,
  ): Promise<{ readonly outcome: 'created'; readonly id: number } | { readonly outcome: 'absent' | 'taken' }>
  /** With everything that came from it. Sessions and refresh tokens that somebody else ends leave an audit row, too. */
  deleteCredential(
    remove: { account: string; kinds: readonly CredentialKind[]; id: number },
    cause: Cause,
  ): Promise<'done' | 'absent'>
  /**
   * Sets a user's password; all its sessions and refresh tokens end but `keep`. `link`: as in createUser, for that user. `account`: the
   * number of the user that was meant; another one that has the name by now is `absent`.
   */
  setPassword(
    change: { user: string; account?: number; verifier: string; link?: Uint8Array; keep?: number },
    cause: Cause,
  ): Promise<'done' | 'absent' | 'no-link'>
  /** Notes when and from where credentials were used; only ever moves forward. */
  touchCredentials(uses: readonly (LastUse & { readonly credential: number })[]): Promise<void>
  /** Remembers until its end that an assertion was taken (`id`: SHA-256); false where it was before, by any replica. */
  useAssertion(use: { id: Uint8Array; expiresAt: number }): Promise<boolean>
  /** Deletes at most `limit` sessions, refresh tokens, links and used assertions whose time is over; how many. */
  sweepCredentials(sweep: { now: number; limit: number }): Promise<number>

  /**
   * Replaces earlier links for the first administrator, and earlier resets of the same user. A link is live as long as the account of
   * the cause could make it – an administrator's, or for invitations of an organisation an owner's – and, made with anything but a
   * password or session, as long as that credential.
   */
  createLink(
    create: { lookup: Uint8Array; purpose: LinkPurpose; expiresAt: number },
    cause: Cause,
  ): Promise<{ readonly outcome: 'created'; readonly id: number } | { readonly outcome: 'absent' }>
  /** A live link by the SHA-256 of its secret. */
  findLink(lookup: Uint8Array, now: number): Promise<Link | undefined>
  /** Live ones: an organisation's invitations, or the site's. */
  listLinks(organisation: string | undefined, now: number): Promise<Link[]>
  deleteLink(
    remove: { id: number; organisation: string | undefined },
    cause: Cause,
  ): Promise<'done' | 'absent'>
}
