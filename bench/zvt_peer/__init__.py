"""ecrterm (wirelane/ecrterm, LGPL-3) against our ZVT: its client, its terminal end and its packet classes."""
