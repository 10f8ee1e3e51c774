import { Kbd, Modal } from '@mantine/core';
import css from './keyhelp.module.css';

const groups: readonly (readonly [string, readonly (readonly [keys: readonly string[], what: string])[]])[] = [
  ['Move', [[['j', '↓'], 'next alert'], [['k', '↑'], 'alert before'], [['Enter'], 'open the alert'], [['/'], 'search'], [['r'], 'load the list anew']]],
  ['Select', [[['x'], 'select the alert, or not'], [['Shift', 'x'], 'select from the last one to here'], [['*'], 'select all that are loaded'], [['Esc'], 'clear the selection']]],
  ['Decide', [[['a'], 'acknowledge'], [['e'], 'resolve: it was real and is dealt with'], [['d'], 'dismiss: it was no threat'], [['o'], 'open again'], [['m'], 'assign to me'], [['u'], 'assign to nobody']]],
  ['Go', [[['g', 'o'], 'overview'], [['g', 'a'], 'alerts'], [['g', 'i'], 'incidents'], [['g', 'h'], 'hosts'], [['g', 'u'], 'hunt'], [['g', 'r'], 'rules'], [['g', 'x'], 'exceptions'], [['g', 's'], 'simulation'], [['g', 't'], 'settings']]],
];

/** KeyHelp lists what the keyboard can do on the page of alerts. */
export function KeyHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <p className={css.note}>Decisions apply to the selected alerts, or to the one under the cursor.</p>
      <div className={css.groups}>
        {groups.map(([title, keys]) => (
          <section key={title}>
            <h3 className={css.title}>{title}</h3>
            <dl className={css.list}>
              {keys.map(([names, what]) => (
                <div key={what} className={css.line}>
                  <dt>
                    {names.map((k) => (
                      <Kbd key={k} size="xs">
                        {k}
                      </Kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
