"""What MJML 4 knows: tags, where they may stand, their attributes.

mrml itself passes unknown tags through as raw HTML and drops unknown
attributes without a word, so the linter needs this table.
"""

from __future__ import annotations

_PADDING = "padding padding-top padding-right padding-bottom padding-left"
_BORDER = "border border-top border-right border-bottom border-left border-radius"
_FONT = "color font-family font-size font-style font-weight letter-spacing line-height text-decoration text-transform"
_LINK = "href rel target title name"
_BACKGROUND = (
    "background-color background-url background-repeat background-size background-position background-position-x "
    "background-position-y"
)
_ICONS = (
    "icon-align icon-width icon-height icon-wrapped-url icon-wrapped-alt icon-unwrapped-url icon-unwrapped-alt "
    "icon-position"
)
_BOX = "container-background-color"

_CONTENT = "mj-accordion mj-button mj-divider mj-image mj-navbar mj-raw mj-social mj-spacer mj-table mj-text"

# tag: the MJML tags that may stand in it
CHILDREN: dict[str, frozenset[str]] = {
    tag: frozenset(children.split())
    for tag, children in {
        "mjml": "mj-head mj-body mj-raw",
        "mj-head": "mj-attributes mj-breakpoint mj-preview mj-style mj-title mj-raw",
        "mj-attributes": "",  # any tag: it sets defaults
        "mj-body": "mj-section mj-wrapper mj-hero mj-raw",
        "mj-wrapper": "mj-section mj-hero mj-raw",
        "mj-section": "mj-column mj-group mj-raw",
        "mj-group": "mj-column mj-raw",
        "mj-column": _CONTENT,
        "mj-hero": _CONTENT,
        "mj-accordion": "mj-accordion-element mj-raw",
        "mj-accordion-element": "mj-accordion-title mj-accordion-text mj-raw",
        "mj-navbar": "mj-navbar-link mj-raw",
        "mj-social": "mj-social-element mj-raw",
    }.items()
}

# tags whose content is HTML or text; no MJML tag may stand in them
ENDING_TAGS = frozenset(
    [
        "mj-accordion-text",
        "mj-accordion-title",
        "mj-button",
        "mj-navbar-link",
        "mj-preview",
        "mj-raw",
        "mj-social-element",
        "mj-style",
        "mj-table",
        "mj-text",
        "mj-title",
    ]
)
EMPTY_TAGS = frozenset(["mj-all", "mj-breakpoint", "mj-class", "mj-divider", "mj-image", "mj-spacer"])

ATTRIBUTES: dict[str, frozenset[str]] = {
    tag: frozenset(attributes.split())
    for tag, attributes in {
        "mjml": "lang dir owa",
        "mj-head": "",
        "mj-attributes": "",
        "mj-breakpoint": "width",
        "mj-preview": "",
        "mj-style": "",
        "mj-title": "",
        "mj-raw": "position",
        "mj-body": "background-color width css-class",
        "mj-section": f"{_BACKGROUND} {_BORDER} {_PADDING} direction full-width text-align text-padding css-class",
        "mj-wrapper": f"{_BACKGROUND} {_BORDER} {_PADDING} direction full-width text-align text-padding gap css-class",
        "mj-column": f"background-color {_BORDER} {_PADDING} direction inner-background-color inner-border "
        "inner-border-top inner-border-right inner-border-bottom inner-border-left inner-border-radius vertical-align "
        "width css-class",
        "mj-group": "background-color direction vertical-align width css-class",
        "mj-hero": f"{_BACKGROUND} background-width background-height border-radius {_BOX} height {_PADDING} "
        "inner-background-color inner-padding inner-padding-top inner-padding-right inner-padding-bottom "
        "inner-padding-left mode vertical-align width align css-class",
        "mj-text": f"align {_FONT} {_BOX} height {_PADDING} vertical-align css-class",
        "mj-button": f"align background-color {_BORDER} {_FONT} {_BOX} {_LINK} height inner-padding {_PADDING} "
        "text-align vertical-align width css-class",
        "mj-image": f"align alt {_BORDER} {_BOX} fluid-on-mobile font-size height href max-height name {_PADDING} rel "
        "sizes src srcset target title usemap width css-class",
        "mj-divider": f"align border-color border-style border-width {_BOX} {_PADDING} width css-class",
        "mj-spacer": f"{_BOX} height {_PADDING} css-class",
        "mj-table": f"align border cellpadding cellspacing {_BOX} {_FONT} {_PADDING} role table-layout vertical-align "
        "width css-class",
        "mj-accordion": f"border {_BOX} font-family {_ICONS} {_PADDING} css-class",
        "mj-accordion-element": f"background-color border font-family {_ICONS} css-class",
        "mj-accordion-title": f"background-color color font-family font-size font-weight {_PADDING} css-class",
        "mj-accordion-text": f"background-color color font-family font-size font-weight letter-spacing line-height "
        f"{_PADDING} css-class",
        "mj-navbar": f"align base-url hamburger {_PADDING} ico-align ico-close ico-color ico-font-family ico-font-size "
        "ico-line-height ico-open ico-padding ico-padding-top ico-padding-right ico-padding-bottom ico-padding-left "
        "ico-text-decoration ico-text-transform css-class",
        "mj-navbar-link": f"{_FONT} {_LINK} {_PADDING} css-class",
        "mj-social": f"align border-radius {_BOX} {_FONT} icon-height icon-padding icon-size inner-padding mode "
        f"{_PADDING} table-layout text-padding vertical-align css-class",
        "mj-social-element": f"align alt background-color border-radius {_FONT} {_LINK} icon-height icon-padding "
        f"icon-position icon-size {_PADDING} sizes src srcset text-padding vertical-align css-class",
    }.items()
}
# the class of attributes that <mj-attributes> defined
COMMON = frozenset({"mj-class"})
ALL_ATTRIBUTES = frozenset().union(*ATTRIBUTES.values())

# tags that MJML knows and mails must not use, with the reason
REFUSED_TAGS = {
    "mj-font": "remote fonts tell a stranger who reads the mail; use a font-family that every device has",
    "mj-carousel": "most mail programs cannot show a carousel; use images one below the other",
    "mj-carousel-image": "most mail programs cannot show a carousel; use <mj-image>",
    "mj-html-attributes": "the MJML engine does not support it; write the attribute in the HTML",
    "mj-selector": "the MJML engine does not support it",
    "mj-html-attribute": "the MJML engine does not support it",
}

# HTML elements without an end tag (HTML 13.1.2)
VOID_TAGS = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
