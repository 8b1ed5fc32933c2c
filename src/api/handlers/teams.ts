import { parsePartName } from '../../core/account-names.ts'
import type { Team } from '../../store/meta/account-store.ts'
import type { ResultOf } from '../contract/contract.ts'
import { Answer, type ApiParts, type Handlers } from '../handler.ts'
import { absent, conflict, Refusal } from '../problem.ts'
import { atMember, said, timeText } from '../values.ts'
import { stale } from '../version-tag.ts'
import { requireOrganisation } from './find-account.ts'

/** Teams that an organisation may have. */
export const MAX_TEAMS = 1000

/** Teams and who is in them. */
export const TEAM_HANDLERS: Handlers<
  | 'GET /organisations/{organisation}/teams'
  | 'POST /organisations/{organisation}/teams'
  | 'GET /organisations/{organisation}/teams/{team}'
  | 'PATCH /organisations/{organisation}/teams/{team}'
  | 'DELETE /organisations/{organisation}/teams/{team}'
  | 'PUT /organisations/{organisation}/teams/{team}/members/{user}'
  | 'DELETE /organisations/{organisation}/teams/{team}/members/{user}'
> = {
  'GET /organisations/{organisation}/teams': async ({ path }, parts) => {
    await requireOrganisation(parts, path.organisation)
    return { items: (await parts.store.listTeams(path.organisation)).map(teamView) }
  },

  'POST /organisations/{organisation}/teams': async ({ path, body, cause }, parts) => {
    const { organisation } = path
    await requireOrganisation(parts, organisation)
    const name = atMember('name', () => parsePartName(body.name))
    const { description = '' } = body
    const teams = await parts.store.listTeams(organisation)
    if (teams.length >= MAX_TEAMS && !teams.some((team) => team.name === name)) {
      throw new Refusal(
        'rule-violated',
        `${organisation} has ${teams.length} teams, and there can be no more; delete one first`,
      )
    }
    const made = await parts.store.createTeam({ organisation, name, description }, cause)
    if (made.outcome === 'absent') throw absent(`there is no organisation ${organisation}`)
    if (made.outcome === 'created') return teamView(made.team)
    if (made.team.description === description) return new Answer(teamView(made.team), 200)
    throw conflict(
      `there is a team ${name} in ${organisation} already, with another description; change it, or choose another name`,
    )
  },

  'GET /organisations/{organisation}/teams/{team}': async ({ path }, parts) => ({
    ...teamView(await requireTeam(parts, path)),
    members: await parts.store.listTeamMembers(path.organisation, path.team),
  }),

  'PATCH /organisations/{organisation}/teams/{team}': async ({ path, body, version, cause }, parts) => {
    const change = { ...path, description: body.description, ...said({ version }) }
    if ((await parts.store.updateTeam(change, cause)) === 'stale') throw stale()
    return teamView(await requireTeam(parts, path))
  },

  'DELETE /organisations/{organisation}/teams/{team}': async ({ path, cause }, { store }) => {
    if ((await store.deleteTeam(path, cause)) === 'absent') throw noTeam(path)
  },

  'PUT /organisations/{organisation}/teams/{team}/members/{user}': async ({ path, cause }, { store }) => {
    const outcome = await store.addTeamMember(path, cause)
    if (outcome === 'absent') throw noTeam(path)
    if (outcome === 'no-user') {
      throw absent(
        `${path.user} is no member of ${path.organisation}, and only members are in its teams; make it one first: berth org add-member ${path.organisation} ${path.user}`,
      )
    }
  },

  'DELETE /organisations/{organisation}/teams/{team}/members/{user}': async ({ path, cause }, { store }) => {
    if ((await store.removeTeamMember(path, cause)) === 'absent')
      throw absent(`${path.user} is not in the team ${path.team} of ${path.organisation}`)
  },
}

interface TeamPath {
  readonly organisation: string
  readonly team: string
}

async function requireTeam({ store }: Pick<ApiParts, 'store'>, path: TeamPath): Promise<Team> {
  const team = await store.findTeam(path.organisation, path.team)
  if (team === undefined) throw noTeam(path)
  return team
}

function noTeam({ organisation, team }: TeamPath): Refusal {
  return absent(`there is no team ${team} in ${organisation}`)
}

function teamView({
  name,
  description,
  createdAt,
  version,
}: Team): ResultOf<'POST /organisations/{organisation}/teams'> {
  return { name, description, createdAt: timeText(createdAt), version }
}
