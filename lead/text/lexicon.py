"""The words that `lead.text.synthesis` builds sentences from: lines of `key: phrase / phrase`, synonyms on one line.

Data only. A sided action names its limb as {arm}, {leg}, ...; a second verb within a phrase stands
behind `*`.
"""

TRAVEL = """
walk: walk / walk / walk / walk / stroll / go for a walk / take a walk / move at a walk / go on foot
run: run / run / run / go running / go for a run / move at a run
jog: jog / jog / go jogging / go for a jog / trot / run at an easy pace
sprint: sprint / dash / race / run at full speed / bolt
march: march / march / parade / walk with marching steps
sneak: sneak / creep / prowl / steal quietly / move stealthily / walk without a sound
tiptoe: tiptoe / walk on tiptoe / walk on the tips of the toes / walk on the toes
crawl: crawl / crawl on hands and knees / move on all fours / go on all fours
hop: hop / hop on one foot / hop along
skip: skip / go skipping / skip along
jump: jump / jump / leap / spring / bound
limp: limp / hobble / walk with a limp / drag one foot
stagger: stagger / reel / lurch / stumble along / totter
stumble: stumble / trip / trip and *stumble
shuffle: shuffle / shuffle along / walk without lifting the feet / drag the feet
strut: strut / swagger / walk with a swagger / parade proudly
stride: stride / stride out / walk with long strides / take big strides
trudge: trudge / plod / slog / walk with heavy steps / stomp along
wander: wander / roam / ramble / walk around aimlessly / amble
dance-along: dance / dance along / move in dance steps
slide: slide / glide / slip along / skate
gallop: gallop / gallop along / canter like a horse
waddle: waddle / walk like a duck / waddle along
roll: roll / roll over / tumble
step: step / take a step / make a step / take one step
pace: pace / pace up and down / walk to and fro
lunge-walk: do walking lunges / walk in lunges / lunge
moonwalk: moonwalk / do the moonwalk
swim: swim / swim along / make swimming strokes
drift: move / go / travel / proceed / advance
push-cart: push a cart / push something heavy
pull-load: pull a load / drag something heavy / haul a load
carry-box: carry something / carry a box / walk with a box in the hands
"""

DIRECTIONS = """
forward: / / forward / forward / ahead / straight ahead / straight forward / forwards / in a straight line
backward: backward / backwards / in reverse / back / rearward
left: to the left / leftward / toward the left / off to the left / left
right: to the right / rightward / toward the right / off to the right / right
side-left: sideways to the left / sideways left / to the left side / laterally left
side-right: sideways to the right / sideways right / to the right side / laterally right
diagonal-left: diagonally to the left / forward and to the left / diagonally forward left
diagonal-right: diagonally to the right / forward and to the right / diagonally forward right
turn-left: and *turn left / and *turn to the left / and then *make a left turn / \
    around a corner to the left / in a curve to the left / curving left / forward and *turn left
turn-right: and *turn right / and *turn to the right / and then *make a right turn / \
    around a corner to the right / in a curve to the right / curving right / forward and *turn right
circle: in a circle / around in a circle / in circles / round and round
counterclockwise: in a circle to the left / counterclockwise / in a counterclockwise circle / \
    around to the left in a circle
clockwise: in a circle to the right / clockwise / in a clockwise circle / around to the right in a circle
around: and *turn around / and *turn back / and *come back / and then *turn round and *walk back
place: on the spot / in place / without moving forward
upstairs: up the stairs / upstairs / up some steps / up a staircase
downstairs: down the stairs / downstairs / down some steps / down a staircase
uphill: uphill / up a slope / up a hill
downhill: downhill / down a slope / down a hill
zigzag: in a zigzag / from side to side in a zigzag / along a zigzag line
sideways: sideways / from side to side / to the side
stop: and *stop / a few steps and *stop / and *come to a halt
"""

SIDED = """
raise-arm: raise {arm} / lift {arm} / lift {arm} up / hold up {arm} / put {arm} up / \
    put {arm} up in the air / raise {arm} above the head / stretch {arm} upward
lower-arm: lower {arm} / bring {arm} down / put {arm} down / let {arm} down / drop {arm} / let {arm} sink
wave: wave {hand} / wave with {hand} / greet with a wave of {hand} / say hello with {hand} / \
    swing {hand} from side to side
side-arm: raise {arm} to the side / lift {arm} out to the side / stretch {arm} sideways / \
    move {arm} out to the side
front-arm: raise {arm} to the front / stretch {arm} forward / lift {arm} in front of the body / \
    reach {arm} forward
diagonal-arm: raise {arm} diagonally / lift {arm} at an angle / move {arm} forward and outward
back-arm: swing {arm} back / move {arm} backward / extend {arm} to the rear / pull {arm} back
forearm: rotate {forearm} / swing {forearm} around a bent elbow / turn {forearm} in and out
elbow: bend {elbow} / flex {elbow} / curl {arm}
circle-arm: circle {arm} / swing {arm} in circles / make circles with {arm} / windmill {arm}
punch: punch with {fist} / throw a punch with {fist} / jab with {fist} / hit with {fist} / box with {fist}
throw-hand: throw something with {hand} / throw a ball with {hand} / toss something with {hand}
catch-hand: catch something with {hand} / catch a ball with {hand}
kick: kick with {leg} / kick forward with {leg} / do a front kick with {leg} / throw a kick with {leg}
kick-back: kick backward with {leg} / do a back kick with {leg} / kick behind with {leg}
raise-leg: raise {leg} / lift {leg} / lift {leg} up / raise {leg} off the ground
lower-leg: lower {leg} / put {leg} down / bring {leg} down to the floor
raise-knee: raise {knee} / lift {knee} / pull {knee} up to the chest
stand-leg: stand on {leg} / balance on {leg} / keep balance on {leg}
hop-leg: hop on {leg} / jump on {leg}
stomp: stomp with {leg} / stamp {leg} on the ground
side-lunge: lunge to {side} / do a side lunge to {side} / shift the weight to {side} in a lunge
lean: lean to {side} / tilt to {side} / bend to {side}
turn: turn to {side} / turn the body to {side} / rotate to {side} / make a turn to {side}
look: look to {side} / turn the head to {side} / glance to {side}
side-step: step to {side} / take a step to {side} / take a side step to {side}
dodge: dodge to {side} / duck to {side} / evade to {side}
point: point with {hand} / point at something with {hand} / point ahead with {hand}
reach-up: reach up with {hand} / take something from a high shelf with {hand} / \
    grab something above the head with {hand}
pick-up: pick something up with {hand} / pick up an object from the floor with {hand} / \
    grab something from the ground with {hand}
put-down: put something down with {hand} / place an object on the floor with {hand} / \
    set something on the ground with {hand}
push-hand: push with {hand} / push something away with {hand} / shove something with {hand}
pull-hand: pull with {hand} / pull something closer with {hand} / tug with {hand}
knock: knock on a door with {hand} / rap on a door with {hand}
hip: put {hand} on the hip / place {hand} on the hip / rest {hand} at the waist
head: scratch the head with {hand} / touch the head with {hand} / put {hand} on the head
face: cover the face with {hand} / touch the face with {hand} / wipe the face with {hand}
chest: put {hand} on the chest / hold {hand} over the heart
salute: salute with {hand} / give a salute with {hand}
drink-hand: drink with {hand} / take a sip with {hand} / lift a cup to the mouth with {hand}
phone-hand: make a phone call with {hand} / hold a phone to the ear with {hand}
sword: swing a sword with {hand} / slash with {hand} / strike with a blade in {hand}
wipe: wipe a window with {hand} / clean a table with {hand} / wipe something with {hand}
write: write with {hand} / draw with {hand} / paint with {hand}
shake: shake {hand} / shake {leg} / shake out {arm}
"""

ACTIONS = """
sit-down: sit down / take a seat / sit on a chair / lower onto a chair
stand-up: stand up / rise from a chair / get up from a seat / get to the feet
sit-stand: sit down and *stand up again / lower onto a chair and *rise / sit and *get up again
lie-down: lie down / lie down on the floor / go from standing to lying / stretch out on the floor
get-up: get up from the floor / get up off the ground / rise from lying
squat: squat / do a squat / do a deep squat / bend the knees deeply and *rise / \
    go down into a squat and *come back up
crouch: crouch down / go down into a crouch / duck down / get low
kneel: kneel / kneel down / go down on the knees / drop to one knee
stand: stand still / stand / remain standing / stay in place without moving
bow: bow / bow at the waist / take a bow / bend forward in a bow / greet with a bow
bend: bend down / bend over / bend forward / stoop
straighten: straighten up / stand up straight / straighten the back
jump-up: jump up / jump into the air / leap up / jump up high
jump-down: jump down / jump off something / leap down
jacks: do jumping jacks / do star jumps / jump with arms and legs apart
push-up: do push-ups / do press-ups / do a push-up
sit-up: do sit-ups / do crunches / do a sit-up
turn-around: turn around / turn round / make a half turn / face the other way
spin: spin / spin around / twirl / pirouette / turn in circles
clap: clap / clap the hands / applaud
cheer: cheer / celebrate / throw the arms up in triumph / rejoice
stretch: stretch / stretch the body / do stretches / warm up
cartwheel: do a cartwheel / turn a cartwheel / cartwheel
flip: do a flip / do a somersault / flip in the air
fall: fall down / fall over / fall to the ground / collapse
nod: nod / nod the head / nod yes
shake-head: shake the head / shake the head no
cross-arms: cross the arms / fold the arms / stand with crossed arms
open-arms: open the arms / spread the arms / stretch out both arms to the sides
shrug: shrug / shrug the shoulders / give a shrug
throw: throw a ball / throw something / toss an object
catch: catch a ball / catch something / grab a ball in the air
bat: swing a bat / hit a baseball / bat at a ball
golf: swing a golf club / play golf / make a golf swing
tennis: play tennis / swing a racket / hit a tennis ball
basketball: play basketball / dribble a ball / shoot a basket
soccer: play soccer / kick a ball / dribble a football
box: box / fight / throw punches / shadowbox
dance: dance / perform a dance / do a dance / dance to music
ballet: dance ballet / do a ballet move / perform a plie
waltz: dance a waltz / waltz / dance with a partner
yoga: do yoga / hold a yoga pose / do a tree pose
climb: climb / climb a ladder / climb up something / go up a ladder
climb-down: climb down / climb down a ladder / come down a ladder
swing: swing from a bar / hang from a bar / hang and *swing
drink: drink / drink from a bottle / take a drink
eat: eat / have a meal / take a bite
sweep: sweep / sweep the floor / use a broom / mop the floor
wash: wash / wash the hands / wash the body
cook: cook / stir a pot / prepare food
dig: dig / dig a hole / shovel
hammer: hammer / hammer a nail / use a hammer
lift-box: lift a box / pick up a heavy box / lift something heavy
set-box: put down a box / set down a heavy box
push: push something / push a wall / push forward with the hands
pull: pull something / pull on a rope / pull with both hands
rope: jump rope / skip rope / skip with a rope
guitar: play the guitar / strum a guitar
drums: play the drums / drum / beat a drum
violin: play the violin / fiddle
piano: play the piano / press the keys of a piano
conduct: conduct an orchestra / direct music
traffic: direct traffic / give traffic signals / wave cars on
laugh: laugh / laugh out loud / shake with laughter
cry: cry / weep / sob / wipe tears away
cough: cough / sneeze / cough into the hand
yawn: yawn / yawn and *stretch
sleep: sleep / fall asleep / lie asleep
think: think / ponder / rest the chin on a hand
pray: pray / fold the hands in prayer
beckon: beckon / wave someone over / call someone closer
argue: argue / gesture while talking / talk with the hands
phone: talk on the phone / make a phone call
photo: take a photo / take a picture / hold up a camera
drive: drive a car / turn a steering wheel
ride: ride a bicycle / ride a bike / cycle
ride-horse: ride a horse / ride on horseback
shoot: shoot a gun / aim a rifle / fire a pistol
bow-arrow: shoot an arrow / draw a bow / do archery
swordfight: fight with a sword / fence / swing a sword
karate: do karate / do martial arts / practice kung fu
hug: hug / hug someone / embrace someone
handshake: shake hands / shake someone's hand
peek: look around / peek around / search for something
hide: hide / hide behind something / take cover
shiver: shiver / shiver with cold / freeze
balance: balance on a beam / walk on a beam / walk a tightrope
twist: twist the body / twist from side to side / rotate the torso
hula: move the hips in circles / circle the hips / hula hoop
sway: sway / sway from side to side / rock to and fro
"""

OPPOSITES = """
1: left / right
2: side-left / side-right
3: diagonal-left / diagonal-right
4: turn-left / turn-right
5: counterclockwise / clockwise
6: upstairs / downstairs
7: uphill / downhill
8: forward / backward
9: raise-arm / lower-arm
10: raise-leg / lower-leg
11: kick / kick-back
12: front-arm / back-arm
13: pick-up / put-down
14: push / pull
15: sit-down / stand-up
16: lie-down / get-up
17: jump-up / jump-down
18: climb / climb-down
19: bend / straighten
20: walk / run
21: lift-box / set-box
22: slowly / quickly
23: leaning to the left / leaning to the right
24: hunched over / leaning back
25: with the head down / with the head up
26: with short steps / with long strides
27: smoothly / stiffly
28: happy / sad
29: tired / active
30: masculine / feminine
31: elderly / youthful
32: confident / shy
33: heavy / light
34: clumsy / graceful
35: limping-left / limping-right
36: nod / shake-head
37: with the left shoulder dropped / with the right shoulder dropped
38: cross-arms / open-arms
39: throw / catch
40: push-cart / pull-load
41: push-hand / pull-hand
42: throw-hand / catch-hand
"""

MANNERS = """
slowly: in slow motion / at a leisurely pace / very slowly
quickly: rapidly / at high speed / swiftly / hurriedly / at a fast pace
hunched over: with a hunched back / stooped / hunching / slouching
leaning back: leaning backwards / bent backward
leaning to the left: leaning left / with the body tilted to the left
leaning to the right: leaning right / with the body tilted to the right
with the head down: with a bowed head / staring at the ground / head bowed
with the head up: with the chin up / gazing upward / with a raised head
with the arms out to the sides: with arms out / with outstretched arms / with the arms spread / arms out wide
with the arms stretched forward: with both arms straight ahead / reaching forward
with bent elbows: with the elbows bent / with the arms bent
crouching: crouched / low down / with the knees bent
with short steps: in small steps / with tiny steps
with long strides: with big steps / in long strides / with wide steps
with the feet wide apart: with the legs apart / wide-legged / with a broad stance
smoothly: flowing / in a flowing way / in smooth movements
with big arm swings: with swinging arms / pumping the arms / with exaggerated arm swings
stiffly: in a stiff way / with a stiff body / woodenly
swaying from side to side: rocking from side to side / with swaying hips
bouncing: bouncily / with a spring in the step
trembling: shivering / shakily / with shaking hands
with the left shoulder dropped: with a lowered left shoulder / with the left shoulder low
with the right shoulder dropped: with the right shoulder down / with a lowered right shoulder / \
    with the right shoulder low
arms-behind: with the hands behind the back / with the arms behind the back / \
    holding the hands behind the back
hands-hips: with the hands on the hips / hands on hips / with arms akimbo
arms-up: with the arms raised / with both hands in the air / with the arms above the head / hands up
arms-crossed: with crossed arms / with the arms folded
arms-still: without swinging the arms / with the arms hanging down / arms at the sides
hands-pockets: with the hands in the pockets / hands in pockets
on-toes: on tiptoe / on the toes / on the tips of the toes
knees-high: lifting the knees high / with high knees / with the knees pulled up
limping-left: limping on the left leg / dragging the left leg / with a hurt left leg
limping-right: limping on the right leg / dragging the right leg / with a hurt right leg
heavy: heavily / with heavy steps / stomping / with heavy feet
light: lightly / with light steps / light-footed / on light feet
twice: twice / two times / two times in a row
repeatedly: repeatedly / again and again / over and over / several times
once: once / one time / a single time
sudden: suddenly / abruptly / with a jerk / all of a sudden
pausing: pausing again and again / with pauses / haltingly / hesitating
poor: badly / incorrectly / with poor form / with bad technique / wrongly
correct: correctly / with good form / properly / the right way
limited: with a small range of motion / not very far / only a little
wide-range: with a large range of motion / as far as possible / with big movements
"""

ADJECTIVES = """
active: active / energetic / lively / vigorous / +energetically / +vigorously / +with a lot of energy / \
    +actively / +full of energy
feminine: feminine / ladylike / womanly / +femininely / +gracefully like a lady / +like a woman
masculine: masculine / manly / macho / +like a tough man / +with a manly swagger / +in a manly way
youthful: youthful / young / +youthfully / +with youthful bounce / +like a young person
childish: childish / childlike / +childishly / +playfully like a child
happy: happy / joyful / cheerful / merry / +happily / +joyfully / +cheerfully / +full of joy
sad: sad / sorrowful / gloomy / unhappy / +sadly / +in grief / +full of sorrow
angry: angry / furious / mad / +angrily / +furiously / +in a rage / +with anger
tired: tired / weary / exhausted / worn-out / +tiredly / +wearily / +with no energy left / +from exhaustion
scared: scared / fearful / frightened / +in fear / +fearfully / +afraid
nervous: nervous / anxious / tense / +nervously / +anxiously
proud: proud / dignified / arrogant / +proudly / +with pride / +with the chest out
confident: confident / bold / self-assured / +confidently / +boldly / +with confidence
shy: shy / timid / insecure / +shyly / +timidly / +without confidence
relaxed: relaxed / laid-back / easygoing / +in a relaxed mood / +with loose limbs
careful: careful / cautious / +carefully / +cautiously / +gingerly
graceful: graceful / elegant / +gracefully / +elegantly / +with grace
clumsy: clumsy / awkward / ungainly / +clumsily / +awkwardly
drunk: drunk / drunken / tipsy / +drunkenly / +as if drunk
sleepy: sleepy / drowsy / +sleepily / +half asleep
sneaky: sneaky / stealthy / secretive / +sneakily / +stealthily / +quietly
aggressive: aggressive / violent / fierce / +aggressively / +fiercely / +violently
gentle: gentle / tender / soft / +gently / +tenderly
powerful: powerful / strong / forceful / +powerfully / +with great force
weak: weak / feeble / frail / +weakly / +feebly / +with little strength
injured: injured / wounded / +as if hurt / +in pain / +painfully
crazy: crazy / wild / frantic / +wildly / +frantically / +like mad
silly: silly / funny / goofy / +in a funny walk / +comically
dramatic: dramatic / theatrical / exaggerated / +dramatically / +theatrically
musical: musical / rhythmic / groovy / +to the beat / +rhythmically / +musically
solemn: solemn / ceremonial / stately / +solemnly
bored: bored / listless / indifferent / +listlessly / +without interest
impatient: impatient / restless / +impatiently / +restlessly
surprised: surprised / startled / +in surprise / +with a start
sexy: sexy / seductive / sensual / +seductively
military: military / soldierly / +with military precision
jerky: jerky / twitchy / choppy / +jerkily / +in jerks
robotic: robotic / mechanical / +robotically / +mechanically
"""

PERSONAS = """
elderly: an old man / an old woman / an elderly person / an old person / an elderly man / a grandfather / \
    a senior
child: a child / a kid / a little boy / a little girl
toddler: a toddler / a baby / a small baby
robotic: a robot / an android / a machine / a cyborg
zombie: a zombie / an undead / a walking corpse
soldier: a soldier / a guard / a marine
drunk: a drunk / a drunken man / a drunk person
giant: a giant / an ogre / a huge troll
ninja: a ninja / a thief / a burglar / a spy
model: a model / a fashion model / a model on a catwalk
dancer: a dancer / a ballerina / a ballet dancer
cowboy: a cowboy / a gunslinger
boxer: a boxer / a fighter / a wrestler
superhero: a superhero / a hero
king: a king / a queen / a noble
pirate: a pirate / a sailor
monster: a monster / a beast / a creature
monkey: a monkey / an ape / a gorilla / a chimpanzee
bird: a bird / a chicken / a duck
cat: a cat / a tiger / a panther
dog: a dog / a wolf
horse: a horse / a pony
crab: a crab / a spider
penguin: a penguin
frog: a frog / a rabbit / a kangaroo
injured: an injured man / a wounded person / a patient
tired: a tired worker / an exhausted person / a weary traveller
clown: a clown / a comedian / a mime
athlete: an athlete / a runner / a sportsman
gangster: a gangster / a thug / a rapper
ghost: a ghost / a vampire
astronaut: an astronaut / an astronaut on the moon
pregnant: a pregnant woman / an expectant mother
teenager: a teenager / a young man / a young woman
businessman: a businessman / an office worker / a man in a suit
"""
