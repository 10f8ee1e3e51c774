import { ActionIcon, Button, Checkbox, Menu, Modal, TextInput } from '@mantine/core';
import { IconBookmark, IconChevronDown, IconTrash, IconUsers } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { client, must } from '../api/client';
import { keys } from '../api/keys';
import { useMay, useSession } from '../api/queries';
import { useToast } from './toast';
import { first } from '../text/numbers';
import { visible } from '../text/safe';
import css from './savedviews.module.css';

/** ReadyView is a view that comes with a page. */
export interface ReadyView {
  name: string;
  query: string;
}

interface Props {
  /** The page whose views they are, as they are stored: "alerts". */
  page: string;
  ready: readonly ReadyView[];
  /** What is shown now, as the query of the page's URL. */
  query: string;
  onOpen: (query: string) => void;
  /** What a view is called on this page, where that is not "view". */
  noun?: string;
  nouns?: string;
}

/** SavedViews opens, saves and deletes views: queries of the page under a name. */
export function SavedViews({ page, ready, query, onOpen, noun = 'view', nouns = `${noun}s` }: Props) {
  const [saving, setSaving] = useState(false);
  const queries = useQueryClient();
  const toast = useToast();
  const me = useSession().data?.user.name;
  const admin = useMay('admin');
  const views = useQuery({ queryKey: keys.views, queryFn: () => must(client.GET('/views')) });
  const mine = views.data?.items.filter((v) => v.page === page) ?? [];
  const drop = useMutation({
    mutationFn: (uid: string) => must(client.DELETE('/views/{uid}', { params: { path: { uid } } })),
    onSuccess: () => toast.say(`The ${noun} is deleted.`),
    onError: (error) => toast.complain(error),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.views }),
  });
  return (
    <>
      <Menu position="bottom-end" width={290}>
        <Menu.Target>
          <Button variant="default" leftSection={<IconBookmark size={15} aria-hidden />} rightSection={<IconChevronDown size={14} aria-hidden />}>
            {first(nouns)}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {ready.map((v) => (
            <Menu.Item key={v.name} onClick={() => onOpen(v.query)} data-current={v.query === query || undefined}>
              {v.name}
            </Menu.Item>
          ))}
          {mine.length > 0 && <Menu.Label>Saved</Menu.Label>}
          {mine.map((v) => (
            <div key={v.uid} className={css.saved}>
              <Menu.Item onClick={() => onOpen(v.query)} rightSection={v.shared && <IconUsers size={14} aria-label={`shared by ${v.owner}`} />}>
                {visible(v.name)}
              </Menu.Item>
              {(v.owner === me || admin) && (
                <ActionIcon size="sm" aria-label={`Delete ${noun} ${visible(v.name)}`} onClick={() => drop.mutate(v.uid)}>
                  <IconTrash size={14} />
                </ActionIcon>
              )}
            </div>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => setSaving(true)}>Save this {noun}…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal opened={saving} onClose={() => setSaving(false)} title={`Save this ${noun}`} size="sm" closeButtonProps={{ 'aria-label': 'Close' }}>
        <SaveForm page={page} noun={noun} query={query} onDone={() => setSaving(false)} />
      </Modal>
    </>
  );
}

function SaveForm({ page, noun, query, onDone }: { page: string; noun: string; query: string; onDone: () => void }) {
  const queries = useQueryClient();
  const toast = useToast();
  const [name, setName] = useState('');
  const [shared, setShared] = useState(false);
  const save = useMutation({
    mutationFn: () => must(client.POST('/views', { body: { page, name: name.trim(), query, shared } })),
    onSuccess: () => {
      toast.say(`The ${noun} is saved.`);
      void queries.invalidateQueries({ queryKey: keys.views });
      onDone();
    },
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} required withAsterisk={false} maxLength={128} data-autofocus error={save.error?.message} />
      <Checkbox label="Others see it too" checked={shared} onChange={(e) => setShared(e.currentTarget.checked)} />
      <Button type="submit" loading={save.isPending} disabled={name.trim() === ''}>
        Save
      </Button>
    </form>
  );
}
