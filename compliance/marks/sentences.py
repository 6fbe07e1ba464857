"""Sentences to publish beside a picture: captions and alternative texts in eight languages. Pure.

Fixed words, so that no name, garment or prompt can get into them. `shows` is whom the picture
shows: the digital replica of a real person, a person who does not exist, or nobody.
"""

from __future__ import annotations

from compliance.marks.labels import Shows

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "pt")


def caption(shows: Shows, edited: bool = False) -> dict[str, str]:
    """A caption by language; `edited` is a photo with another background."""
    return dict(_EDITED_CAPTION if edited else _CAPTIONS[shows])


def alt_text(shows: Shows, edited: bool = False) -> dict[str, str]:
    """An alternative text by language, for readers who do not see the picture."""
    return dict(_EDITED_ALT_TEXT if edited else _ALT_TEXTS[shows])


_EDITED_CAPTION = {
    "de": "Mit KI bearbeitet. Der Hintergrund dieses Fotos wurde mit KI erzeugt.",
    "en": "Edited with AI. The background of this photo was generated with AI.",
    "es": "Editada con IA. El fondo de esta foto se ha generado con IA.",
    "fr": "Retouchée par IA. L’arrière-plan de cette photo a été généré par IA.",
    "it": "Modificata con IA. Lo sfondo di questa foto è stato generato con IA.",
    "nl": "Bewerkt met AI. De achtergrond van deze foto is met AI gemaakt.",
    "pl": "Edytowano przez AI. Tło tego zdjęcia zostało wygenerowane przez AI.",
    "pt": "Editada com IA. O fundo desta foto foi gerado com IA.",
}
_EDITED_ALT_TEXT = {
    "de": "Foto mit KI-generiertem Hintergrund.",
    "en": "Photo with an AI-generated background.",
    "es": "Foto con un fondo generado con IA.",
    "fr": "Photo dont l’arrière-plan a été généré par IA.",
    "it": "Foto con uno sfondo generato con IA.",
    "nl": "Foto met een met AI gemaakte achtergrond.",
    "pl": "Zdjęcie z tłem wygenerowanym przez AI.",
    "pt": "Foto com um fundo gerado com IA.",
}


_CAPTIONS: dict[Shows, dict[str, str]] = {
    "real_person": {
        "de": (
            "Mit KI erzeugt. Das Bild zeigt die digitale Nachbildung einer realen "
            "Person, die dem zugestimmt hat."
        ),
        "en": (
            "Generated with AI. The image shows a digital replica of a real person, who "
            "consented to it."
        ),
        "es": (
            "Generada con IA. La imagen muestra una réplica digital de una persona real "
            "que dio su consentimiento."
        ),
        "fr": (
            "Générée par IA. L’image montre la réplique numérique d’une personne réelle "
            "qui y a consenti."
        ),
        "it": (
            "Generata con IA. L’immagine mostra la replica digitale di una persona reale "
            "che ha dato il proprio consenso."
        ),
        "nl": (
            "Gemaakt met AI. De afbeelding toont een digitale replica van een bestaande "
            "persoon die daarmee heeft ingestemd."
        ),
        "pl": (
            "Wygenerowano przez AI. Obraz przedstawia cyfrową replikę prawdziwej osoby, "
            "która wyraziła na to zgodę."
        ),
        "pt": (
            "Gerada com IA. A imagem mostra uma réplica digital de uma pessoa real que "
            "deu o seu consentimento."
        ),
    },
    "synthetic": {
        "de": "Mit KI erzeugt. Die gezeigte Person gibt es nicht.",
        "en": "Generated with AI. The person shown does not exist.",
        "es": "Generada con IA. La persona que aparece no existe.",
        "fr": "Générée par IA. La personne représentée n’existe pas.",
        "it": "Generata con IA. La persona raffigurata non esiste.",
        "nl": "Gemaakt met AI. De afgebeelde persoon bestaat niet.",
        "pl": "Wygenerowano przez AI. Przedstawiona osoba nie istnieje.",
        "pt": "Gerada com IA. A pessoa apresentada não existe.",
    },
    "nobody": {
        "de": "Mit KI erzeugt.",
        "en": "Generated with AI.",
        "es": "Generada con IA.",
        "fr": "Générée par IA.",
        "it": "Generata con IA.",
        "nl": "Gemaakt met AI.",
        "pl": "Wygenerowano przez AI.",
        "pt": "Gerada com IA.",
    },
}
_ALT_TEXTS: dict[Shows, dict[str, str]] = {
    "real_person": {
        "de": "KI-generiertes Bild: digitale Nachbildung einer realen Person.",
        "en": "AI-generated image: digital replica of a real person.",
        "es": "Imagen generada con IA: réplica digital de una persona real.",
        "fr": "Image générée par IA : réplique numérique d’une personne réelle.",
        "it": "Immagine generata con IA: replica digitale di una persona reale.",
        "nl": "Met AI gemaakte afbeelding: digitale replica van een bestaande persoon.",
        "pl": "Obraz wygenerowany przez AI: cyfrowa replika prawdziwej osoby.",
        "pt": "Imagem gerada com IA: réplica digital de uma pessoa real.",
    },
    "synthetic": {
        "de": "KI-generiertes Bild einer Person, die es nicht gibt.",
        "en": "AI-generated image of a person who does not exist.",
        "es": "Imagen generada con IA de una persona que no existe.",
        "fr": "Image générée par IA d’une personne qui n’existe pas.",
        "it": "Immagine generata con IA di una persona che non esiste.",
        "nl": "Met AI gemaakte afbeelding van een persoon die niet bestaat.",
        "pl": "Wygenerowany przez AI obraz osoby, która nie istnieje.",
        "pt": "Imagem gerada com IA de uma pessoa que não existe.",
    },
    "nobody": {
        "de": "KI-generiertes Bild.",
        "en": "AI-generated image.",
        "es": "Imagen generada con IA.",
        "fr": "Image générée par IA.",
        "it": "Immagine generata con IA.",
        "nl": "Met AI gemaakte afbeelding.",
        "pl": "Obraz wygenerowany przez AI.",
        "pt": "Imagem gerada com IA.",
    },
}
