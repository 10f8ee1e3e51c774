import { Tabs } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useNavigate, useSearchParams } from 'react-router';
import { Page } from '../../components/page';
import { RoleButton } from '../../components/rolebutton';
import { Coverage } from './coverage';
import { Documents } from './documents';
import { RuleList } from './list';
import css from './rules.module.css';

const tabs = ['rules', 'documents', 'coverage'] as const;
type Tab = (typeof tabs)[number];

/** Component is the page of rules: those in force, the documents in which people write their own, and what all of them cover. */
export function Component() {
  const [search, setSearch] = useSearchParams();
  const navigate = useNavigate();
  const asked = search.get('tab') as Tab;
  const tab: Tab = tabs.includes(asked) ? asked : 'rules';
  const open = (next: string | null) => setSearch(next === null || next === 'rules' ? {} : { tab: next }, { replace: true });
  return (
    <Page
      title="Rules"
      fill
      actions={
        <RoleButton role="approver" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => void navigate('/rules/document/edit')}>
          Write a rule
        </RoleButton>
      }
    >
      <Tabs value={tab} onChange={open} keepMounted={false} classNames={{ root: css.tabs ?? '', panel: css.panel ?? '' }}>
        <Tabs.List aria-label="Rules">
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
          <Tabs.Tab value="documents">Documents</Tabs.Tab>
          <Tabs.Tab value="coverage">ATT&CK coverage</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rules">
          <RuleList />
        </Tabs.Panel>
        <Tabs.Panel value="documents">
          <Documents />
        </Tabs.Panel>
        <Tabs.Panel value="coverage">
          <Coverage />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
