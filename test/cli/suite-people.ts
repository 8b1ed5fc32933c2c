import { expect, test } from 'bun:test'
import { PASSWORD, type Trial } from './trial.ts'

/** Users, links, organisations and teams: `alice` and `carol`, who are in `acme`, and `acme/devs`. */
export function peopleCommands(trial: Trial): void {
  const { like, does, gone } = trial

  test('whoami', async () => {
    const { who } = trial
    expect(await like('GET /session', ['whoami'])).toMatchObject({ kind: 'operator' })
    expect(await who.run(['whoami'])).toContain('operator')
  })

  test('user', async () => {
    const { who, api } = trial
    const add = ['user', 'add', 'alice', '--password-stdin', '--email', 'a@example.com']
    await does([...add, '--display-name', 'Alice A'], 'made the user alice', `${PASSWORD}\n`)
    const made = await like('POST /users', ['user', 'add', 'bob', '--password-stdin', '--admin'], PASSWORD)
    expect(made).toMatchObject({ name: 'bob', administrator: true })
    const again = await who.berth(add, { input: PASSWORD })
    expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 1, stdout: '' })
    expect(again.stderr).toMatch(/^berth: .*alice/)
    // Neither is who is there given a link as if it were new.
    await like('POST /users', ['user', 'add', 'dora', '--password-stdin'], PASSWORD)
    const linked = await who.berth(['user', 'add', 'dora', '--link'])
    expect({ code: linked.code, stdout: linked.stdout }).toEqual({ code: 1, stdout: '' })
    expect(linked.stderr).toContain('berth user reset-link dora')
    await who.run(['user', 'rm', 'dora'])
    const mail = await who.berth(['user', 'set', 'alice', '--email', 'x'])
    expect(mail.code).toBe(1)
    expect(mail.stderr.match(/is no e-mail address/g)).toHaveLength(1)
    await does(['user', 'set', 'alice', '--email', ''], 'changed the user alice')
    await does(['user', 'set', 'alice', '--email', 'a@example.com'], 'changed the user alice')

    const shown = await api.call('GET /users/{user}', { path: { user: 'alice' } })
    expect(shown).toMatchObject({ displayName: 'Alice A', email: 'a@example.com', administrator: false })
    expect(await like('GET /users/{user}', ['user', 'show', 'alice'])).toEqual(shown)
    expect(await who.run(['user', 'show', 'alice'])).toContain('display name: ')
    expect(await like('GET /users', ['user', 'list'])).toEqual({
      items: (await api.call('GET /users')).items,
    })
    const table = await who.run(['user', 'ls', '--filter', 'lic'])
    expect(table.split('\n')[0]).toMatch(/^NAME +DISPLAY NAME +ADMINISTRATOR +SINCE$/)
    expect(table.split('\n')).toHaveLength(3)
    expect((await who.json<{ items: unknown[] }>(['user', 'ls', '-n', '2'])).items).toHaveLength(2)

    await does(
      ['user', 'set', 'bob', '--no-admin', '--disable', '--description', 'b'],
      'changed the user bob',
    )
    expect(await api.call('GET /users/{user}', { path: { user: 'bob' } })).toMatchObject({
      administrator: false,
      disabled: true,
      description: 'b',
    })
    expect(await like('PATCH /users/{user}', ['user', 'set', 'bob', '--enable'])).toMatchObject({
      disabled: false,
    })
    await does(['user', 'password', 'bob', '--password-stdin'], 'set the password of bob', `new ${PASSWORD}`)
    await does(['user', 'rm', 'bob'], 'removed the user bob')
    await gone(api.call('GET /users/{user}', { path: { user: 'bob' } }))
    expect((await who.json<{ items: unknown[] }>(['user', 'sessions', 'alice'])).items).toEqual([])
    expect((await who.berth(['user', 'end-session', 'alice', '999'])).code).toBe(1)
  })

  test('one-time links', async () => {
    const { who, api } = trial
    const links = [
      await who.berth(['user', 'add', 'carol', '--link']),
      await who.berth(['user', 'reset-link', 'carol']),
      await who.berth(['user', 'invite', '--days', '3']),
    ]
    for (const { code, stdout, stderr } of links) {
      expect(code).toBe(0)
      // The link alone can be piped.
      expect(stdout).toMatch(/^http:\/\/\S+berth_lnk_\w+\n$/)
      expect(stderr).toContain('hand this link on')
    }
    expect(await like('POST /invitations', ['user', 'invite'])).toMatchObject({ purpose: 'invitation' })
    const open = (await api.call('GET /invitations')).items
    expect(await like('GET /invitations', ['link', 'list'])).toEqual({ items: open })
    const id = open.find(({ purpose }) => purpose === 'invitation')?.id
    await does(['link', 'revoke', String(id)], `withdrew invitation ${id}`)
    expect((await api.call('GET /invitations')).items).toHaveLength(open.length - 1)
  })

  test('org', async () => {
    const { who, api } = trial
    await does(['org', 'add', 'acme', '--owner', 'alice'], 'made the organisation acme')
    await does(['org', 'add', 'acme', '--owner', 'alice'], 'the organisation acme was there already')
    await does(
      ['org', 'add', 'orphan'],
      'made the organisation orphan\norphan has no owner yet: berth org add-member orphan NAME --role owner',
    )
    await who.run(['org', 'rm', 'orphan'])
    const other = ['org', 'add', 'other', '--owner', 'alice', '--description', 'd', '--display-name', 'O']
    await like('POST /organisations', other)
    const path = { organisation: 'acme' }
    await does(['org', 'set', 'acme', '--description', 'Anvils'], 'changed the organisation acme')
    const shown = await api.call('GET /organisations/{organisation}', { path })
    expect(shown.description).toBe('Anvils')
    expect(await like('GET /organisations/{organisation}', ['org', 'show', 'acme'])).toEqual(shown)
    expect(await who.run(['org', 'show', 'acme'])).toContain('Anvils')
    const names = (await who.json<{ items: { name: string }[] }>(['org', 'list'])).items.map((o) => o.name)
    expect(names).toEqual(['acme', 'other'])
    await does(['org', 'rm', 'other'], 'removed the organisation other')
    await gone(api.call('GET /organisations/{organisation}', { path: { organisation: 'other' } }))

    await does(['org', 'add-member', 'acme', 'carol'], 'carol is a member of acme')
    const put = 'PUT /organisations/{organisation}/members/{user}'
    await like(put, ['org', 'add-member', 'acme', 'admin', '--role', 'owner'])
    const members = await api.call('GET /organisations/{organisation}/members', { path })
    expect(members.items).toContainEqual({ user: 'admin', role: 'owner' })
    expect(await who.json(['org', 'members', 'acme'])).toEqual({ items: members.items })
    await does(['org', 'remove-member', 'acme', 'admin'], 'admin is no member of acme any more')
    expect((await api.call('GET /organisations/{organisation}/members', { path })).items).toHaveLength(2)

    const grant = async () => {
      await api.call('PUT /organisations/{organisation}/members/{user}', {
        path: { ...path, user: 'admin' },
        body: { role: 'member' },
      })
      const { id } = await api.call('POST /namespaces/{namespace}/grants', {
        path: { namespace: 'acme' },
        body: { subject: 'user:admin', pattern: 'acme/kept', verbs: ['read'] },
      })
      return id
    }
    const kept = await grant()
    const leave = ['org', 'remove-member', 'acme', 'admin']
    const remark = `1 grant of acme to user:admin stays, which --with-grants would have taken along: berth grant remove acme ${kept}`
    await does(leave, `admin is no member of acme any more\n${remark}`)
    expect(await grant()).toBe(kept)
    await does([...leave, '--with-grants'], 'admin is no member of acme any more')
    await does(['org', 'add-member', 'acme', 'admin'], 'admin is a member of acme')
    await does(leave, 'admin is no member of acme any more')

    const invite = ['org', 'invite', 'acme', '--role', 'owner', '--days', '1']
    expect(await like('POST /organisations/{organisation}/invitations', invite)).toMatchObject({
      role: 'owner',
    })
    expect(await who.run(['link', 'ls', '--org', 'acme'])).toContain('owner of acme')
    const [link] = (await api.call('GET /organisations/{organisation}/invitations', { path })).items
    await does(['link', 'rm', `${link?.id}`, '--org', 'acme'], `withdrew invitation ${link?.id}`)
    expect((await api.call('GET /organisations/{organisation}/invitations', { path })).items).toEqual([])
  })

  test('team', async () => {
    const { who, api } = trial
    await does(['team', 'add', 'acme/devs'], 'made the team acme/devs')
    await does(['team', 'add', 'acme/devs'], 'the team acme/devs was there already')
    await like('POST /organisations/{organisation}/teams', ['team', 'add', 'acme/ops', '--description', 'o'])
    await does(['team', 'set', 'acme/devs', '--description', 'Developers'], 'changed the team acme/devs')
    const both = ['team', 'add-member', 'acme/devs', 'carol', 'alice']
    await does(both, 'carol is in the team acme/devs\nalice is in the team acme/devs')
    await does(['team', 'remove-member', 'acme/devs', 'alice'], 'alice is in the team acme/devs no more')
    const path = { organisation: 'acme', team: 'devs' }
    const shown = await api.call('GET /organisations/{organisation}/teams/{team}', { path })
    expect(shown).toMatchObject({ description: 'Developers', members: ['carol'] })
    expect(await who.json(['team', 'show', 'acme/devs'])).toEqual(shown as never)
    expect(await who.run(['team', 'show', 'acme/devs'])).toContain('carol')
    expect(await who.run(['team', 'list', 'acme'])).toMatch(/acme\/devs .*\nacme\/ops /)
    await does(['team', 'remove', 'acme/ops'], 'removed the team acme/ops')
    const teams = await api.call('GET /organisations/{organisation}/teams', { path })
    expect(teams.items.map(({ name }) => name)).toEqual(['devs'])
  })
}
