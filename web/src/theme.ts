import { Drawer, Modal, Tooltip, createTheme } from '@mantine/core';

const title = { fontSize: 15, fontWeight: 600, overflowWrap: 'anywhere' } as const;

export const theme = createTheme({
  primaryColor: 'brand',
  primaryShade: { light: 8, dark: 8 },
  colors: {
    brand: ['#e6f4fb', '#cfe6f2', '#a0cce5', '#6db1d7', '#449bcc', '#2a8dc5', '#1886c2', '#0673ab', '#00679a', '#005988'],
    danger: ['#fdebee', '#f9d0d7', '#f2a3af', '#ea7486', '#e24d64', '#d9304c', '#d3213f', '#c01a37', '#ad1229', '#8f0c20'],
    dark: ['#e3e8ee', '#b6c0cb', '#9aa6b4', '#6b7886', '#384350', '#29323d', '#1d252e', '#161c23', '#10161c', '#0b1015'],
  },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "Roboto Mono", "Liberation Mono", Menlo, monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  headings: { fontWeight: '600' },
  defaultRadius: 'sm',
  radius: { xs: '3px', sm: '5px', md: '8px' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 250, withArrow: true, events: { hover: true, focus: true, touch: true } } }),
    Modal: Modal.extend({ defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.5 } }, styles: { title } }),
    Drawer: Drawer.extend({ styles: { title } }),
    // Inside a dialog a header is no landmark of the page.
    ModalHeader: { defaultProps: { role: 'presentation' } },
    DrawerHeader: { defaultProps: { role: 'presentation' } },
    // Sizes: dense, and the same everywhere.
    Button: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'xs' } },
    PasswordInput: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs' } },
    Textarea: { defaultProps: { size: 'xs' } },
    NumberInput: { defaultProps: { size: 'xs' } },
    Checkbox: { defaultProps: { size: 'xs' } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
  },
});
